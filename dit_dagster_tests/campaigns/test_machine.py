"""Inputs change, outputs are deleted and tampered with, runs are forced and killed, in any order.

Before each run `explain` predicts; the run does exactly that; and what it ends with is what a run without any cache
ends with. `DIT_MACHINE_EXAMPLES` sets how many histories are tried.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.home import MachineHome
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.outcome import Ran, Reused, record_of
from dit_dagster.planning.decision import NotNeeded, Reuse, Run
from dit_dagster.ports import Statement
from dit_dagster.running.cleaning import Premises, clean, look_around
from dit_dagster.running.collection import collectable
from dit_dagster.running.run import prospect
from dit_dagster_tests.campaigns.world import PATIENCE, STEPS, Inputs, Killed, World, records, verdicts

EXAMPLES = int(os.environ.get("DIT_MACHINE_EXAMPLES", "1"))
LENGTH = 4 if EXAMPLES < 10 else 10
MOST_STEPS = 10
"""Of a run that reuses nothing."""
RUNS = st.sampled_from([True, True, False])
"""Whether something is run after a change; now and then more than one thing changes."""


class History(RuleBasedStateMachine):
    """What may happen to a pipeline over time. `whole` are the inputs whose states are all there and untouched."""

    world: World
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, warehouse: BigQueryWarehouse, dataset: DatasetName, home: Path) -> None:
        super().__init__()
        self._surroundings = (warehouse, dataset, home)
        self.past: list[Inputs] = []
        self.whole: set[Inputs] = set()
        self.latest: set[TableName] = set()

    @initialize()
    def begin(self) -> None:
        self.world = World.new(*self._surroundings)
        self.past = [self.world.inputs]

    @rule(
        what=st.sampled_from(
            [{"appends": True}, {"factor": 2}, {"factor": 3}, {"mutated": "cat"}, {"compares_trips": False}]
        ),
        runs=RUNS,
    )
    def change(self, what: dict[str, object], runs: bool) -> None:
        self._now(runs, **what)

    @rule(row=st.integers(1, 4), runs=RUNS)
    def change_the_source(self, row: int, runs: bool) -> None:
        """A row more, or the same row less. The source is another then, even where its rows are as they once were."""
        self.whole.clear()
        self._now(runs, rows=self.world.inputs.rows ^ {row})

    @rule(back=st.integers(1, 3), runs=RUNS)
    def revert(self, back: int, runs: bool) -> None:
        """To code, parameter, mutation and policy of before; the source goes on."""
        before = self.past[max(len(self.past) - 1 - back, 0)]
        names = ("appends", "factor", "mutated", "compares_trips")
        self._now(runs, **{name: getattr(before, name) for name in names})

    @precondition(lambda self: self.world.place.tables())
    @rule(which=st.integers(0, 100), deleted=st.booleans())
    def damage(self, which: int, deleted: bool) -> None:
        """An output is deleted or tampered with: one that the latest run came to, if there is one."""
        there = self.world.place.tables()
        tables = [table for table in there if table in self.latest] or there
        table = tables[which % len(tables)]
        if deleted:
            self.world.warehouse.drop(table)
            self.seen.update(deleted=1)
        else:
            self.seen.update(tampered=1)
            self.world.warehouse.query(
                Statement(sql=f"INSERT INTO {table.sql} (vessel, trips) VALUES ('tampered', 99)")
            )
        self.whole.clear()

    @rule(force=st.sampled_from([False, False, False, True]))
    def run(self, force: bool) -> None:
        place, request = self.world.place, self.world.request(force=force)
        foretold = prospect(request, place.workplace).decisions
        before = place.started
        report = place.run(request)

        assert report.prospect.decisions == foretold
        for name, outcome in report.outcomes.items():
            match foretold[name]:
                case Run():
                    assert isinstance(outcome, Ran), outcome
                case Reuse(record=record):
                    assert outcome == Reused(record=record)
                case NotNeeded():
                    assert not isinstance(outcome, Ran | Reused), outcome
        executed = [name for name, decided in foretold.items() if isinstance(decided, Run)]
        assert place.started - before == len(executed) * len(STEPS)
        assert (place.content(report), verdicts(report)) == self.world.expected()
        if self.world.inputs in self.whole and not force:
            assert executed == [], "nothing changed, so that nothing runs"
        if force:
            assert len(executed) == len(foretold), "force runs everything"
        self.whole.add(self.world.inputs)
        reached = [found for outcome in report.outcomes.values() if (found := record_of(outcome)) is not None]
        self.latest = {table.name for one in reached for table in one.tables}
        self.seen.update(runs=1, executed=len(executed), reused=len(report.reused))

    @rule(after=st.integers(0, MOST_STEPS - 1), late=st.booleans(), force=st.booleans())
    def kill(self, after: int, late: bool, force: bool) -> None:
        """A run is killed before a step has done anything, or when it has done all. What it committed stays."""
        place = self.world.place
        before = records(place)
        place.dies_at = (after, late)
        try:
            place.run(self.world.request(force=force))
        except Killed:
            self.seen.update(kills=1)
            again = prospect(self.world.request(), place.workplace).decisions
            kept = {record.fingerprint for record in records(place) if record not in before}
            assert [name for name in kept if isinstance(again[name], Run)] == [], "what was committed is reused"
        finally:
            place.dies_at = None

    @rule()
    def clean_up(self) -> None:
        """Whatever a killed run left goes, and no state."""
        place = self.world.place
        states = place.tables()
        place.registry.patience = 0.0
        try:
            records = DatasetName(place.dataset.project, f"{place.dataset.dataset}_records")
            where = Premises(
                warehouse=place.warehouse,
                registry=place.registry,
                dataset=place.dataset,
                records=records,
                home=MachineHome(place.home),
            )
            swept = clean(where, collectable(look_around(where)))
            assert swept.failed == ()
            assert collectable(look_around(where)) == ()
        finally:
            place.registry.patience = PATIENCE
        assert place.tables() == states

    def leaves(self, *modes: str) -> list[TableName]:
        """A table of each mode's final state as it is known for the present inputs."""
        ahead = prospect(self.world.request(), self.world.place.workplace)
        found = [ahead.decisions[ahead.plan.mode(mode).leaf] for mode in modes]
        return [decided.record.tables[0].name for decided in found if isinstance(decided, Reuse)]

    def teardown(self) -> None:
        """Whatever happened, the next run is right."""
        self.run(force=False)

    def _now(self, runs: bool, **changes: object) -> None:
        self.world.change(**changes)
        self.past.append(self.world.inputs)
        if runs:
            self.run(force=False)


@pytest.mark.timeout(600 + 120 * EXAMPLES)
def test_every_run_does_what_was_foretold_and_ends_as_without_a_cache(
    warehouse: BigQueryWarehouse, dataset: DatasetName, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Histories by chance, always the same ones if they are few."""
    History.seen.clear()
    run_state_machine_as_test(
        lambda: History(warehouse, dataset, tmp_path),  # type: ignore[arg-type]  # a factory is what it documents
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=LENGTH,
            deadline=None,
            derandomize=EXAMPLES < 10,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    with capsys.disabled():
        print(f"\n{EXAMPLES} histories: {dict(History.seen)}")


def test_from_a_to_b_and_back_to_a(warehouse: BigQueryWarehouse, dataset: DatasetName, tmp_path: Path) -> None:
    """What was computed for A is found again, and what follows from it; B's states are not taken for it.

    Then it is damaged, and a run that would mend it is killed: the next one mends it, and the clean-up takes the rest.
    """
    history = History(warehouse, dataset, tmp_path)
    history.begin()
    history.run(force=False)
    history.change({"appends": True}, runs=True)
    before = history.world.place.started
    history.revert(back=1, runs=True)
    assert history.world.place.started == before
    deleted, tampered = (history.world.place.tables().index(leaf) for leaf in history.leaves("bf", "bfd"))
    history.latest.clear()  # places in all that there is
    history.damage(which=tampered, deleted=False)
    history.damage(which=deleted, deleted=True)
    history.kill(after=1, late=True, force=True)
    history.clean_up()
    history.run(force=False)
