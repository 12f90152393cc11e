"""What a run has reused, under its experiment's own prefix: a view of each output that lies elsewhere."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping

from dit_dagster.errors import AlreadyExists, WarehouseError
from dit_dagster.model.identity import ExperimentId, Fingerprint, TableName
from dit_dagster.model.outcome import PhaseOutcome, Reused
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.plan import Plan
from dit_dagster.running.names import experiment_prefix, state_prefix, state_table
from dit_dagster.running.phase import compared_role
from dit_dagster.running.workplace import Workplace

_UNNAMED = re.compile(r"solo_[0-9a-f]{6}")


def show_reused(
    plan: Plan, outcomes: Mapping[Fingerprint, PhaseOutcome], modes: Collection[str], workplace: Workplace
) -> Mapping[Fingerprint, tuple[TableName, ...]]:
    """Make the views on the final states of these modes, and say which there are, by the state's fingerprint.

    A state that lies under the prefix already needs none, and nobody looks under one that was made up for a single run.
    A view that cannot be made is left out: it shows something, and nothing rests on it.
    """
    found: dict[Fingerprint, tuple[TableName, ...]] = {}
    for mode in plan.modes:
        outcome = outcomes.get(mode.leaf)
        if mode.name in modes and isinstance(outcome, Reused) and _elsewhere(plan, outcome.record):
            views = tuple(_shown(plan, mode.name, len(mode.path) - 1, outcome.record, workplace))
            found[mode.leaf] = (*found.get(mode.leaf, ()), *views)
    return found


def is_unnamed(experiment: ExperimentId) -> bool:
    """Whether an experiment's id was made up for one run."""
    return _UNNAMED.fullmatch(experiment) is not None


def _elsewhere(plan: Plan, record: PhaseRecord) -> bool:
    request = plan.request
    own = record.prefix.startswith(experiment_prefix(request.experiment, request.commit))
    return not own and not is_unnamed(request.experiment)


def _shown(plan: Plan, mode: str, index: int, record: PhaseRecord, workplace: Workplace) -> Iterator[TableName]:
    prefix = state_prefix(plan.request, mode, index, {"reused": record.prefix})
    for name, output in plan.request.pipeline.outputs.items():
        role = compared_role(name, output)
        table = record.table(role)
        if table is None:
            continue
        view = workplace.dataset.table(state_table(prefix, role))
        try:
            with contextlib.suppress(AlreadyExists):  # an earlier run of the experiment has made it
                workplace.warehouse.create_view(view, f"SELECT * FROM {table.sql}")
        except WarehouseError:
            continue
        yield view
