"""What the clean-up reads of the registry, and what it makes of what it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from dit_dagster.model.identity import DatasetName, ExperimentId, TableName
from dit_dagster.ports import Event, Heard
from dit_dagster.running.collection import Leftover, Scene, collectable, known_runs, open_fingerprints
from dit_dagster.running.names import lease_mark, made_table, state_prefix, state_table
from dit_dagster_tests.builders import COMMIT, MOMENT, a_request, an_event

SCRATCH, RECORDS = DatasetName("prod", "scratch"), DatasetName("prod", "records")
NOW = MOMENT + timedelta(days=30)
HEARD = Heard(now=NOW, runs={})


def a_run(run_id: str, experiment: str, *fingerprints: str) -> Event:
    decided = {name: {"decision": "run"} for name in fingerprints}
    payload = {"experiment_id": experiment, "commit": str(COMMIT), "decisions": decided}
    return an_event("run_planned", run_id=run_id, payload=payload, at=MOMENT)


def an_end(run_id: str) -> Event:
    return an_event("run_finished", run_id=run_id, payload={}, at=MOMENT)


def a_state_table(experiment: str) -> TableName:
    request = replace(a_request("bf"), experiment=ExperimentId(experiment))
    return SCRATCH.table(state_table(state_prefix(request, "bf", 0, {"run": "x"}), "daily"))


def opened(events: Sequence[Event], tables: Sequence[TableName] = (), marks: Sequence[TableName] = ()) -> set[str]:
    over = frozenset(event.run_id for event in events if event.kind == "run_finished")
    return set(open_fingerprints(known_runs(events, HEARD, 60.0), over, tables, marks))


def test_what_is_long_over_is_not_read() -> None:
    """However many runs there were: those count that did not end, or of which a table or a mark is left."""
    events = [
        a_run("run-000001", "gone", "1" * 64),
        an_end("run-000001"),
        a_run("run-000002", "kept", "2" * 64),
        an_end("run-000002"),
        a_run("run-000003", "dead", "3" * 64),
    ]

    assert opened(events, [a_state_table("kept")], [lease_mark(RECORDS, "4" * 64, 1)]) == {
        "2" * 64,
        "3" * 64,
        "4" * 64,
    }


def test_a_state_that_is_not_known_is_left_alone_and_an_input_goes() -> None:
    """A table of a state whose record cannot be found is somebody's; a pin of a run that is over is nobody's."""
    request = a_request("bf")
    pin = made_table(SCRATCH, request, "pin_trips", {"n": 1})
    events = [a_run("run-000001", request.experiment, "1" * 64), an_end("run-000001")]
    scene = Scene(
        events=events,
        heard=HEARD,
        patience=60.0,
        tables=[a_state_table(request.experiment), pin],
        marks=[],
        folders=[],
    )

    assert [item.tables for item in collectable(scene) if isinstance(item, Leftover)] == [(pin,)]
