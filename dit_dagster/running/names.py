"""Names of everything that a run makes in the warehouse: one builder, found by prefix, told apart by a content hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Commit, DatasetName, ExperimentId, TableName, content_hash

_HASH = 12
_KEPT = "dit_golden_"
_MADE = re.compile(r"(?P<experiment>[a-z][a-z0-9_]{0,39})_(?P<commit>[0-9a-f]{40})_[a-z0-9_]+_[0-9a-f]{12}(__.+)?")
_MARK = re.compile(r"dit_(lease|commit)_[0-9a-f]{64}_[0-9]+")


def experiment_prefix(experiment: ExperimentId, commit: Commit) -> str:
    """What every table of an experiment at a commit starts with."""
    return f"{experiment}_{commit}_"


def state_prefix(request: Request, mode: str, index: int, attempt: Mapping[str, Any]) -> str:
    """What every table of one attempt at one phase starts with; `attempt` is what tells it from any other."""
    start = experiment_prefix(request.experiment, request.commit)
    return f"{start}{mode}_{index}_{content_hash(attempt)[:_HASH]}"


def state_table(prefix: str, role: str) -> str:
    """A table of a state: `role` is the name that the pipeline's declaration gives it."""
    return f"{prefix}__{role}"


def made_table(dataset: DatasetName, request: Request, what: str, content: Mapping[str, Any]) -> TableName:
    """A table that belongs to an experiment but to no state: a pin, a mutated source."""
    start = experiment_prefix(request.experiment, request.commit)
    return dataset.table(f"{start}{what}_{content_hash(content)[:_HASH]}")


def kept_table(dataset: DatasetName, pipeline: str, source: str, content: Mapping[str, Any]) -> TableName:
    """A copy of a source that is kept with a golden state. It belongs to no experiment, so no clean-up takes it."""
    return dataset.table(f"{_KEPT}{pipeline}_{source}_{content_hash(content)[:_HASH]}")


def was_kept_here(table: str) -> bool:
    """Whether a table's name is one that `kept_table` gives."""
    return re.fullmatch(rf"{_KEPT}[a-z0-9_]+_[0-9a-f]{{{_HASH}}}", table) is not None


def was_made_here(table: str) -> bool:
    """Whether a table's name is one that this project generates: the only ones that it ever deletes."""
    return _MADE.fullmatch(table) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A table's name taken apart: whose it is, and what its attempt's prefix can be. None: it belongs to no state."""

    experiment: ExperimentId
    commit: Commit
    prefixes: tuple[str, ...]

    @property
    def start(self) -> str:
        return experiment_prefix(self.experiment, self.commit)


def parsed(table: str) -> Made | None:
    """The parts of a generated name; None for any other.

    A role can look like the end of a prefix, so there may be more than one; the registry knows which one was claimed.
    """
    found = _MADE.fullmatch(table)
    if found is None:
        return None
    ends = [place.start() for place in re.finditer("(?=__)", table)]
    heads = [table[:end] for end in ends if table[end + 2 :] and _MADE.fullmatch(table[:end])]
    return Made(experiment=ExperimentId(found["experiment"]), commit=Commit(found["commit"]), prefixes=tuple(heads))


def lease_mark(dataset: DatasetName, fingerprint: str, generation: int) -> TableName:
    """The table whose creation was the claim of a generation."""
    return dataset.table(f"dit_lease_{fingerprint}_{generation}")


def is_mark(table: str) -> bool:
    """Whether a table of the registry is a mark of a claim or a commit, and not a table of records."""
    return _MARK.fullmatch(table) is not None


def marked_fingerprint(mark: str) -> str:
    """The fingerprint in the name of a mark."""
    return mark.split("_")[2]
