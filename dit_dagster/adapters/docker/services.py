"""A container whose service stands in the tree's compose file, as that file says it."""

from __future__ import annotations

from pathlib import Path

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.compose import container_of_service
from dit_dagster.model.container import Container
from dit_dagster.model.yaml_file import read_yaml

_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def effective(container: Container, directory: Path) -> Container:
    """The container with what its service says filled in. BadDeclaration for a file or service that there is not."""
    if container.service is None:
        return container
    wanted = (container.compose,) if container.compose is not None else _FILES
    file = next((directory / name for name in wanted if (directory / name).is_file()), None)
    if file is None:
        raise BadDeclaration(f"container.service: the commit has no {' or '.join(wanted)}")
    return container_of_service(container, read_yaml(file), where=file.name)
