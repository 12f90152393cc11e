"""One run in several processes: what they leave for one another, and which of them writes the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from dit_dagster.adapters.memory import MemoryEnvironments, MemoryRegistry, MemoryRunner, MemorySource
from dit_dagster.errors import UnknownName
from dit_dagster.model.identity import DatasetName, Fingerprint, TableName
from dit_dagster.model.outcome import Blocked, Cancelled, Capped, Failed, NotNeeded, PhaseOutcome, Ran, Reused
from dit_dagster.planning.decision import Run
from dit_dagster.ports import Event, TableFacts, Warehouse
from dit_dagster.running.run import Prospect
from dit_dagster.running.shared_run import join_run, progress, record_mode, report_if_complete, rows_touched
from dit_dagster.running.workplace import Workplace
from dit_dagster_tests.builders import a_pipeline, a_plan, an_event, record_of_node

RUN = "run-000001"


class NoWarehouse:
    """Knows no table, and cannot be asked for more: these decisions need none."""

    engine = "local"
    project = "prod"

    def labelled(self, labels: Mapping[str, str]) -> NoWarehouse:  # noqa: ARG002
        return self

    def facts(self, names: Sequence[TableName]) -> Mapping[TableName, TableFacts]:  # noqa: ARG002
        return {}


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def place(registry: MemoryRegistry, tmp_path: Path) -> Workplace:
    return Workplace(
        warehouse=cast("Warehouse", NoWarehouse()),
        registry=registry,
        code=MemorySource(tmp_path),
        environments=MemoryEnvironments(),
        runner=MemoryRunner({}),
        dataset=DatasetName("prod", "scratch"),
        logs=tmp_path,
        variables={},
    )


@pytest.fixture
def ahead() -> Prospect:
    plan = a_plan("bf", "bfd", "bftruncate")
    return Prospect(plan=plan, decisions=dict.fromkeys(plan.nodes, Run(reasons=())), counts={})


def committed(registry: MemoryRegistry, ahead: Prospect, name: Fingerprint) -> Ran:
    """A phase that was executed, and its record in the registry."""
    record = record_of_node(ahead.plan.nodes[name])
    registry.append([an_event("committed", fingerprint=name, payload=record.to_json())])
    return Ran(record=record, seconds=2.0)


def finish(ahead: Prospect, place: Workplace, mode: str, outcome: PhaseOutcome) -> None:
    """A mode's step that has ended with one outcome for all of its phases."""
    path = ahead.plan.mode(mode).path
    registry = cast("MemoryRegistry", place.registry)
    ended = {name: committed(registry, ahead, name) if isinstance(outcome, Ran) else outcome for name in path}
    record_mode(ahead, place, RUN, mode, ended)


def test_every_outcome_reads_back_as_it_was_recorded(
    registry: MemoryRegistry, place: Workplace, ahead: Prospect
) -> None:
    """The report of the job tells as much as the report of the command."""
    path = ahead.plan.mode("bfd").path
    ran = committed(registry, ahead, path[0])
    outcomes: dict[Fingerprint, PhaseOutcome] = {
        path[0]: Reused(record=ran.record, adopted=True),
        path[1]: Failed(error="exit code 3", log="a.log", seconds=1.5),
        path[2]: Blocked(by=path[1]),
        path[3]: Capped(reason="too dear"),
        path[4]: Cancelled(),
    }

    record_mode(ahead, place, RUN, "bfd", outcomes)

    assert progress(ahead, place, RUN).outcomes == outcomes


def test_of_a_shared_phase_the_strongest_outcome_counts(
    registry: MemoryRegistry, place: Workplace, ahead: Prospect
) -> None:
    """bftruncate took over what bf had executed: it ran, once, in this run."""
    shared = ahead.plan.mode("bf").leaf
    ran = committed(registry, ahead, shared)
    record_mode(ahead, place, RUN, "bftruncate", {shared: Reused(record=ran.record, adopted=True)})
    record_mode(ahead, place, RUN, "bf", {shared: ran})

    assert progress(ahead, place, RUN).outcomes[shared] == ran


def test_a_record_that_cannot_be_read_is_no_state(registry: MemoryRegistry, place: Workplace, ahead: Prospect) -> None:
    """Nothing is judged on it."""
    leaf = ahead.plan.mode("bf").leaf
    record_mode(ahead, place, RUN, "bf", {leaf: Ran(record=record_of_node(ahead.plan.nodes[leaf]), seconds=1.0)})

    assert isinstance(progress(ahead, place, RUN).outcomes[leaf], Failed)


def test_the_run_is_open_while_a_mode_is_under_way(place: Workplace, ahead: Prospect) -> None:
    """The first step that ends does not end the run."""
    finish(ahead, place, "bf", Cancelled())

    assert report_if_complete(ahead, place, RUN, modes=frozenset(), checked=frozenset()) is None


def test_the_run_is_open_while_a_verdict_is_to_come(place: Workplace, ahead: Prospect) -> None:
    """Both sides came to a state, so the check on them will start."""
    for mode in ("bf", "bfd"):
        finish(ahead, place, mode, Ran(record=record_of_node(next(iter(ahead.plan.nodes.values()))), seconds=1.0))
    finish(ahead, place, "bftruncate", Failed(error="exit code 3", log=None, seconds=1.0))

    assert report_if_complete(ahead, place, RUN, modes=frozenset(), checked=frozenset({("daily", "bf", "bfd")})) is None


def test_who_finds_it_complete_judges_what_nobody_else_could(place: Workplace, ahead: Prospect) -> None:
    """Dagster does not start a check below a failed step; the pair is SKIPPED all the same."""
    for mode in ("bf", "bfd", "bftruncate"):
        finish(ahead, place, mode, Failed(error="exit code 3", log=None, seconds=1.0))

    complete = report_if_complete(ahead, place, RUN, modes=frozenset(), checked=frozenset({("daily", "bf", "bfd")}))

    assert complete is not None
    report, news = complete
    assert [(one.right, one.verdict) for one in news] == [("bfd", "SKIPPED"), ("bftruncate", "SKIPPED")]
    assert report.outcome == "error"


def test_a_run_ends_once(registry: MemoryRegistry, place: Workplace, ahead: Prospect) -> None:
    """A step that comes after the end leaves it alone."""
    for mode in ("bf", "bfd", "bftruncate"):
        finish(ahead, place, mode, Cancelled())
    registry.append([an_event("run_finished", run_id=RUN)])

    assert report_if_complete(ahead, place, RUN, modes=frozenset(), checked=frozenset()) is None


def test_an_interrupted_run_ends_as_it_is(place: Workplace, ahead: Prospect) -> None:
    """Steps that never started will not report any more."""
    finish(ahead, place, "bf", Cancelled())

    complete = report_if_complete(ahead, place, RUN, modes=frozenset(), checked=frozenset(), signal=15)

    assert complete is not None
    assert complete[0].signal == 15
    assert {one.verdict for one in complete[0].comparisons} == {"SKIPPED"}


def test_a_run_without_a_pin_cannot_be_joined(place: Workplace) -> None:
    """The message says what is missing."""
    with pytest.raises(UnknownName, match="no pinned input; materialise trips/pin for this commit first"):
        join_run(a_pipeline(), place, RUN, earlier=("run-000000",))


def test_rows_touched_are_those_that_a_mutated_phase_reads() -> None:
    """A mode without mutations touches nothing, nor does one that was not planned."""
    plan = a_plan("bf", "bfd")

    assert (rows_touched(plan, "bfd", {}), rows_touched(plan, "mutate_recover", {})) == (0, 0)


def test_an_outcome_that_is_not_needed_reads_back(place: Workplace, ahead: Prospect) -> None:
    """Its state is gone, and nothing starts from it."""
    leaf = ahead.plan.mode("bf").leaf
    record_mode(ahead, place, RUN, "bf", {leaf: NotNeeded()})

    assert progress(ahead, place, RUN).outcomes == {leaf: NotNeeded()}


def test_the_peak_is_counted_over_all_processes(registry: MemoryRegistry, place: Workplace, ahead: Prospect) -> None:
    """Each process sees its own phases only."""
    first, second = list(ahead.plan.nodes)[:2]

    def event(kind: str, name: str) -> Event:
        return an_event(kind, run_id=RUN, fingerprint=name)

    registry.append([event("claimed", first), event("claimed", second), event("committed", first)])

    assert progress(ahead, place, RUN).peak_parallel == 2


AGAIN = "run-000002"


def passed_before(registry: MemoryRegistry, place: Workplace, ahead: Prospect) -> None:
    """An earlier run in which everything passed, and one that continues it."""
    registry.append(
        [
            an_event("run_planned", run_id=RUN, payload={}),
            an_event("run_planned", run_id=AGAIN, payload={"continues": RUN}),
        ]
    )
    some = Ran(record=record_of_node(next(iter(ahead.plan.nodes.values()))), seconds=1.0)
    for mode in ("bf", "bfd", "bftruncate"):
        finish(ahead, place, mode, some)
    for right in ("bfd", "bftruncate"):
        said = {"output": "daily", "left": "bf", "right": right, "verdict": "IDENTICAL", "outcome": "pass"}
        registry.append([an_event("verdict", run_id=RUN, payload=said)])


def test_a_run_that_goes_on_is_open_while_a_mode_of_its_own_is_under_way(
    registry: MemoryRegistry, place: Workplace, ahead: Prospect
) -> None:
    """What the earlier run came to is no end of the mode that runs again."""
    passed_before(registry, place, ahead)
    record_mode(ahead, place, AGAIN, "bfd", {name: Cancelled() for name in ahead.plan.mode("bfd").path})
    again = frozenset({"bfd", "bftruncate"})

    assert report_if_complete(ahead, place, AGAIN, modes=again, checked=frozenset()) is None


def test_an_earlier_verdict_is_none_on_a_mode_that_has_failed_since(
    registry: MemoryRegistry, place: Workplace, ahead: Prospect
) -> None:
    """Its check is not started, so the pass of the earlier run would be left standing."""
    passed_before(registry, place, ahead)
    failed = Failed(error="exit code 3", log=None, seconds=1.0)
    record_mode(ahead, place, AGAIN, "bfd", dict.fromkeys(ahead.plan.mode("bfd").path, failed))

    complete = report_if_complete(
        ahead, place, AGAIN, modes=frozenset({"bfd"}), checked=frozenset({("daily", "bf", "bfd")})
    )

    assert complete is not None
    assert "bfd" in {one.right for one in complete[1]}
    assert "IDENTICAL" not in {one.verdict for one in complete[0].comparisons}


def test_an_earlier_verdict_is_none_on_states_that_came_since(
    registry: MemoryRegistry, place: Workplace, ahead: Prospect
) -> None:
    """Nobody has compared them, whatever was said of those before; here their tables are not even there."""
    passed_before(registry, place, ahead)
    node = ahead.plan.nodes[ahead.plan.mode("bfd").leaf]
    newer = replace(record_of_node(node), prefix="another", epoch=2)
    registry.append([an_event("committed", fingerprint=node.fingerprint, payload=newer.to_json())])
    record_mode(ahead, place, AGAIN, "bfd", {node.fingerprint: Reused(record=newer, adopted=True)})

    complete = report_if_complete(ahead, place, AGAIN, modes=frozenset({"bfd"}), checked=frozenset())

    assert complete is not None
    assert (complete[0].outcome, {one.verdict for one in complete[0].comparisons}) == ("error", {"ERROR"})
