"""Containers on the Docker Engine API: images, the steps that run in them, and what dead runs left behind.

The SDK is imported when an engine is asked for: most commands need none.
"""

from dit_dagster.adapters.docker.environments import ContainerEnvironments
from dit_dagster.adapters.docker.images import EngineImages
from dit_dagster.adapters.docker.leftovers import EngineContainers
from dit_dagster.adapters.docker.runner import ContainerPlace, ContainerRunner
from dit_dagster.adapters.docker.used_images import UsedImages

__all__ = [
    "ContainerEnvironments",
    "ContainerPlace",
    "ContainerRunner",
    "EngineContainers",
    "EngineImages",
    "UsedImages",
]
