"""Names of everything that a run makes in the warehouse: one builder, found by prefix, told apart by a content hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Commit, DatasetName, ExperimentId, TableName, content_hash

_HASH = 12
_MADE = re.compile(r"[a-z][a-z0-9_]{0,39}_[0-9a-f]{40}_[a-z0-9_]+_[0-9a-f]{12}(__.+)?")


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


def was_made_here(table: str) -> bool:
    """Whether a table's name is one that this project generates: the only ones that it ever deletes."""
    return _MADE.fullmatch(table) is not None
