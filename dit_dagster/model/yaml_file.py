"""Reading a declaration's file: YAML, in which no key stands twice."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from dit_dagster.errors import BadDeclaration


class _EachOnce(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML keeps the last, and an output would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [str(key.value) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1 and key != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> Any:
    """The document in `file`. Raises BadDeclaration naming the file and what is wrong with it."""
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_EachOnce)  # noqa: S506  # a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadDeclaration(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
