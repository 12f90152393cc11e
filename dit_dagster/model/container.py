"""The container in which a pipeline's steps run: which image, and how it is run.

The image is published, built from the commit's tree (by a Dockerfile of it, or by a recipe that stands in the
declaration), or that of a service in the tree's compose file.
"""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from dit_dagster.model.policy import Declared

Starter = Literal["process", "docker"]
"""What starts a step: a process of this machine, or a container of its engine."""
Runner = Literal["process", "docker", "dataflow"]
"""Where steps work: where they are started, or in jobs of Dataflow that they submit."""

REVISION = "org.opencontainers.image.revision"
"""The label by which a published image says of which commit it is."""
BUILT_FROM = "dit_built_from"
"""The label of an image that was built here: a hash of the tree and of how it was built."""

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
InTree = Annotated[str, Field(pattern=r"^[\w.][\w./-]*$")]
_Volume = Annotated[str, Field(pattern=r"^[\w./~-]+:/[\w./-]*(:(ro|rw))?$")]
_ORIGINS = ("image", "dockerfile", "recipe", "service")
_InImage = Annotated[str, Field(pattern=r"^/[\w./-]+$")]
OUTSIDE_IDENTITY = frozenset({"network", "memory", "cpus", "holds"})
"""Fields that say where it runs, how much it may take, and what is asked of it first; not what it computes."""


class Container(Declared):
    """One of `image`, `dockerfile`, `recipe` and `service` says what runs; what else is given overrides it.

    `image` may hold {commit} and {tree}; then the image must have been made from that commit. `volumes` are written
    `volume_or_path:/path[:ro]`; a path that starts with a dot is one of the tree, and is never written to. `holds` says
    where a published image has which part of the tree; it runs only if that is so.
    """

    image: str | None = Field(default=None, min_length=1)
    dockerfile: InTree | None = None
    recipe: str | None = Field(default=None, min_length=1)
    service: str | None = Field(default=None, min_length=1)
    compose: str | None = Field(default=None, pattern=r"^[\w.][\w.-]*$")
    context: InTree = "."
    target: str | None = Field(default=None, min_length=1)
    build_args: dict[VariableName, str] = Field(default_factory=dict)
    holds: dict[_InImage, InTree] = Field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    environment: dict[VariableName, str] = Field(default_factory=dict)
    volumes: tuple[_Volume, ...] = ()
    network: str | None = Field(default=None, pattern=r"^[\w][\w.:-]*$")
    workdir: str | None = Field(default=None, pattern=r"^/\S*$")
    user: str | None = Field(default=None, pattern=r"^[\w.:-]+$")
    memory: str | None = Field(default=None, pattern=r"^\d+[bkmgBKMG]?$")
    cpus: float | None = Field(default=None, gt=0)

    @field_validator("dockerfile", "context")
    @classmethod
    def _within(cls, path: str | None) -> str | None:
        if path is not None and ".." in path.split("/"):
            raise ValueError(f"{path!r} leaves the tree; name a file in it")
        return path

    @field_validator("image")
    @classmethod
    def _fillable(cls, image: str | None) -> str | None:
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(image or "") if name is not None}
        except ValueError as error:
            raise ValueError(f"{image!r} is not a template ({error})") from error
        if used - {"commit", "tree"}:
            raise ValueError(f"no placeholder {{{min(used - {'commit', 'tree'})}}}; allowed: {{commit}}, {{tree}}")
        return image

    @model_validator(mode="after")
    def _one_origin(self) -> Container:
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(_ORIGINS)}; given: {', '.join(given) or 'none'}")
        if self.compose is not None and self.service is None:
            raise ValueError("compose: names the file of a service; give `service`")
        if not self.is_built and (self.target or self.build_args or self.context != "."):
            raise ValueError("context, target and build_args are for an image that is built from the tree")
        return self

    @property
    def is_built(self) -> bool:
        """Whether its image is built from the tree; of a service that is known once the compose file is read."""
        return self.dockerfile is not None or self.recipe is not None

    @property
    def follows_the_commit(self) -> bool:
        """Whether a published image's name says which commit it was made from."""
        return self.image is not None and ("{commit}" in self.image or "{tree}" in self.image)

    @property
    def identity(self) -> dict[str, Any]:
        """The declaration as far as it can change what a step computes."""
        return self.model_dump(mode="json", exclude=set(OUTSIDE_IDENTITY))

    def on(self, image: str) -> Container:
        """The same container on a published image."""
        of_origin = {*_ORIGINS, "compose", "context", "target", "build_args"}
        return Container.model_validate({**self.model_dump(exclude=of_origin), "image": image})
