"""What is asked for, and what it stands on: the request, the code's identity, the sources' identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import Commit, ExperimentId, ImageDigest, TableName, Tree, content_hash
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.resumption import PhaseAt, Resume
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run as asked for, every default filled in.

    `force`: every phase runs, whatever is known, as with `resume` never. `from_phase` runs with all that stands on it.
    `max_bytes`: more than that its phases must not be expected to read.
    `with_golden`: the outputs are compared with `golden`, the golden state, which may not be set yet.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeIdentity:
    """Which program runs: the tree, the environment (interpreter and lock) and, in containers, the image."""

    tree: Tree
    environment: str
    image: ImageDigest | None = None

    def to_json(self) -> dict[str, Any]:
        return {"tree": str(self.tree), "environment": self.environment, "image": self.image and str(self.image)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIdentity:
    """What a source held when the run was planned. Later appends do not change it: the run reads a pin of it."""

    table: TableName
    created: str
    modified: str
    etag: str
    rows: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "table": str(self.table),
            "created": self.created,
            "modified": self.modified,
            "etag": self.etag,
            "rows": self.rows,
        }

    @property
    def hash(self) -> str:
        return content_hash(self.to_json())


Sources = Mapping[str, SourceIdentity]
