"""The first phase after which two modes part: a search over the states that every phase leaves behind.

A state in between is held against the final ones (comparing/parting.py), on the days of which all can be known by
then. The search gallops: what goes wrong usually does so in one of the first phases, and a mode can have hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from dit_dagster.errors import StateInvalid
from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import Parting
from dit_dagster.planning.modes import filled_after
from dit_dagster.planning.plan import Plan, PlannedMode

if TYPE_CHECKING:
    from dit_dagster.comparing.parting import FinalStates


def first_parting(
    plan: Plan,
    left: PlannedMode,
    right: PlannedMode,
    final: FinalStates,
    tables: Mapping[Fingerprint, TableName],
    records: Mapping[Fingerprint, PhaseRecord],
) -> Parting:
    """The first phase of `right` whose state holds a difference that stays. StateInvalid if that cannot be told.

    `tables` is what is compared of each state that still stands.
    """
    untils = covered_until(plan, right)

    def holds(index: int) -> bool:
        if index == len(right.path) - 1:
            return True
        name, until = right.path[index], untils[index]
        if name == left.leaf or (until is not None and not final.know_days):
            return False
        if name not in tables:
            raise StateInvalid(f"the state after phase {index + 1} of {right.name} is gone; run with --force to see it")
        return final.parted(tables[name], until) > 0

    index = first_true(len(right.path), holds)
    name, until = right.path[index], None if index == len(right.path) - 1 else untils[index]
    window = plan.nodes[name].window
    return Parting(
        mode=right.name,
        index=index,
        fingerprint=str(name),
        start=window.start,
        end=window.end,
        commands=records[name].commands,
        rows=final.parted(tables[name], until),
        samples=final.samples(tables[name], until),
    )


def covered_until(plan: Plan, mode: PlannedMode) -> tuple[date | None, ...]:
    """After each phase, the first day of which nothing can be said yet; None if the whole window is filled.

    That is the first day that true input has not filled, less the days that the pipeline reads back: so long can what
    lies before a window still show in it.
    """
    back = timedelta(days=plan.request.pipeline.reads_back)
    nodes = [plan.nodes[name] for name in mode.path]
    phases = [(node.window, bool(node.mutation)) for node in nodes]
    window = plan.request.window
    filled = filled_after(phases, owns_to_end=plan.request.pipeline.owns_to_end)
    unfilled = (next((day for day in window.each_day() if day not in days), None) for days in filled)
    return tuple(day - back if day is not None else None for day in unfilled)


def first_true(count: int, holds: Callable[[int], bool]) -> int:
    """The first of `count` indices at which `holds`, which does so at the last, and from some index on.

    Few questions if it is an early one, twice the logarithm of `count` at most.
    """
    low, high, stride = -1, count - 1, 1
    while low + stride < high:
        if holds(low + stride):
            high = low + stride
            break
        low += stride
        stride = low + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
