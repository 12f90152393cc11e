"""What is asked for, and what it stands on: the request, the code's identity, the sources' identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from dit_dagster.model.cohort import Selection
from dit_dagster.model.golden import Golden, KeptSource
from dit_dagster.model.identity import Commit, ExperimentId, ImageDigest, TableName, Tree, content_hash
from dit_dagster.model.origin import Committed, Origin
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.resumption import PhaseAt, Resume
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run as asked for, every default filled in.

    `force`: every phase runs, whatever is known, as with `resume` never. `from_phase` runs with all that stands on it.
    `max_bytes`: more than that its phases must not be expected to read.
    `with_golden`: the outputs are compared with `golden`, the golden state, which may not be set yet.
    `against`: a commit whose states, if they are known, the run's are compared with.
    `origin`: where the commit came from. `selection`: what `pipeline` reads instead of what was declared.
    """

    pipeline: Pipeline
    commit: Commit
    experiment: ExperimentId
    modes: tuple[str, ...]
    window: Window
    tail: int
    lookback: int
    jobs: int
    force: bool = False
    resume: Resume = Resume.IF_POSSIBLE
    from_phase: PhaseAt | None = None
    max_bytes: int | None = None
    with_golden: bool = False
    golden: Golden | None = None
    against: Commit | None = None
    origin: Origin = field(default_factory=Committed)
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeIdentity:
    """Which program runs: the tree, the environment (interpreter and lock) and, in containers, the image."""

    tree: Tree
    environment: str
    image: ImageDigest | None = None

    @property
    def runs_in(self) -> str:
        """The environment, and its image if there is one."""
        return self.environment if self.image is None else f"{self.environment} on {self.image}"

    def to_json(self) -> dict[str, Any]:
        return {"tree": str(self.tree), "environment": self.environment, "image": self.image and str(self.image)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        image = value.get("image")
        return cls(
            tree=Tree(value["tree"]), environment=value["environment"], image=ImageDigest(image) if image else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIdentity:
    """What a source held when the run was planned. Later appends do not change it: the run reads a pin of it.

    `as_of`: it has changed since that time, and is read as it was then; what it holds now is not looked at.
    `kept`: a copy of what it held, which is read in its place; no part of the identity.
    """

    table: TableName
    created: str
    modified: str
    etag: str
    rows: int | None
    as_of: str | None = None
    kept: KeptSource | None = field(default=None, compare=False)

    @property
    def place(self) -> TableName:
        """The table that is read."""
        return self.kept.table if self.kept is not None else self.table

    def to_json(self) -> dict[str, Any]:
        return {
            **({"as_of": self.as_of} if self.as_of is not None else {}),
            "table": str(self.table),
            "created": self.created,
            "modified": self.modified,
            "etag": self.etag,
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "table": TableName.parse(value["table"], project="")})

    @property
    def hash(self) -> str:
        return content_hash(self.to_json())


Sources = Mapping[str, SourceIdentity]
