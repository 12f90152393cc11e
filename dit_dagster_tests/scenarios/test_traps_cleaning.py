"""Traps 37, 42, 43 and 44, end to end: what is stopped and what is cleaned up, and what must not be."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.evidence.report import report_json
from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Fingerprint, RunId
from dit_dagster.ports import Event
from dit_dagster.running.cancelling import AlreadyOver, NoSuchRun, WasCancelled, cancel
from dit_dagster.running.cleaning import Premises, Swept, clean, look_around
from dit_dagster.running.collection import (
    DeadLease,
    ExpiredState,
    Item,
    Leftover,
    collectable,
    of_experiment,
)
from dit_dagster.running.labels import job_labels, run_labels
from dit_dagster.running.names import experiment_prefix, state_prefix
from dit_dagster.running.orchestrator import Stop
from dit_dagster.running.pinning import find_state, pin, unpin
from dit_dagster.running.pulse import cancel_request
from dit_dagster.running.run import close_run, execute, open_run, prospect
from dit_dagster.running.run import run as run_request
from dit_dagster.running.workplace import Note, Watch, Workplace
from dit_dagster.settings import Settings
from dit_dagster_tests.builders import a_request
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, all_phases
from dit_dagster_tests.scenarios.test_traps_cache import once

SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}
SLOW = f"import time; print('here', flush=True); time.sleep(600)\n{PROGRAM}"
OFTEN = 4.0
"""Seconds: a run with this patience beats every second, and hears soon that it is cancelled. Whoever cancels it has
more: on a busy machine a beat can be late by this much, which would say that the run is dead."""
SECONDS = 400.0
"""Until a run has come to where a test wants it, however busy the machine is."""


def premises(bench: Bench, patience: float = 60.0) -> Premises:
    around = wiring.premises(bench.settings)
    return replace(around, registry=WarehouseRegistry(bench.warehouse, around.records, patience=patience))


def gc(bench: Bench, patience: float = 60.0) -> Swept:
    place = premises(bench, patience)
    return clean(place, collectable(look_around(place)))


def kinds(items: Sequence[Item]) -> set[str]:
    return {item.kind if isinstance(item, Leftover) else type(item).__name__ for item in items}


def of_states(bench: Bench) -> list[str]:
    """The tables that belong to a state or an attempt."""
    return [name for name in bench.tables() if "__" in name]


def once_silent(bench: Bench, seconds: float) -> None:
    """Return when the registry has not heard of any run for so long. What a dead run sent last can arrive late."""
    registry, deadline = wiring.registry(bench.settings), time.monotonic() + SECONDS
    while (heard := registry.heard()).now - max(heard.runs.values()) < timedelta(seconds=seconds):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def run_to_its_end(request: Request, place: Workplace, run_id: str, watch: Watch) -> dict[str, Any]:
    """What a run came to, once that is recorded as its end."""
    described = report_json(run_request(request, place, run_id, stop=Stop(), watch=watch))
    close_run("visits", run_id, place, described)
    return described


def dead_run(bench: Bench, run_id: str = "run-killed") -> str:
    """What a process leaves that was killed in the middle of its first phase. Returns its attempt's prefix."""
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    asked = api.Asked(pipeline="visits", commit="good", modes=["bf", "repeat"])
    request = api.make_request(asked, pipeline, place, bench.settings)
    ahead = prospect(request, place)
    open_run(ahead, place, run_id)
    leaf = ahead.plan.mode("bf").leaf
    prefix = state_prefix(request, "bf", 0, {"fingerprint": leaf, "run": run_id})
    place.registry.claim(leaf, run_id=run_id, pipeline="visits", note={"mode": "bf", "index": 0, "prefix": prefix})
    pinned = f"{experiment_prefix(request.experiment, request.commit)}pin_visits_0123456789ab"
    for name in (f"{prefix}__daily", pinned):
        bench.query(f"CREATE TABLE `{bench.scratch}.{name}` AS SELECT 1 AS n")
    return prefix


def test_what_a_killed_run_left_is_gone_and_its_states_stay(bench: Bench) -> None:
    """Its claim is given back, its half-written table and its pin go; what was committed before stands."""
    bench.run("bfd", **SHORT)
    committed = of_states(bench)
    dead_run(bench)

    swept = gc(bench, patience=0.0)

    assert kinds(swept.gone) == {"DeadLease", "attempt", "input"}
    assert (bench.tables(), swept.failed) == (committed, ())
    assert bench.run("bf", "repeat").verdicts == {"repeat": "IDENTICAL"}


def test_nothing_of_a_live_run_is_touched(bench: Bench) -> None:
    """The same leftovers, of a run that was heard of a moment ago."""
    dead_run(bench)
    before = bench.tables()

    swept = gc(bench)

    assert (swept.gone, bench.tables()) == ((), before)


def test_cleaning_up_twice_and_at_once_does_no_harm(bench: Bench) -> None:
    """Four clean-ups at one time, then another one that finds nothing."""
    dead_run(bench)

    with ThreadPoolExecutor(4) as pool:
        swept = list(pool.map(lambda _: gc(bench, patience=0.0), range(4)))

    assert [one.failed for one in swept] == [()] * 4
    assert (gc(bench, patience=0.0).gone, bench.tables()) == ((), [])


def test_an_expired_state_is_collected_and_known_as_such(bench: Bench) -> None:
    """`keep: 0h`: after the run it may go. What would run again says why, and does."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")

    swept = gc(bench)
    expected = bench.explain("bf", "repeat")
    again = bench.run("bf", "repeat")

    assert kinds(swept.gone) >= {"ExpiredState"}
    assert [tuple(phase["reasons"]) for phase in all_phases(expected)] == [("expired",)] * 2
    assert (again.executed, again.verdicts) == (2, {"repeat": "IDENTICAL"})


def test_a_state_is_kept_for_as_long_as_its_pipeline_says(bench: Bench) -> None:
    """The default is a week: nothing of a run that has just ended goes, but its pins."""
    bench.run("bf", "repeat")
    before = of_states(bench)

    swept = gc(bench)

    assert (kinds(swept.gone), of_states(bench)) == ({"input"}, before)


def test_an_ancestor_that_was_collected_is_not_needed(bench: Bench) -> None:
    """Only the first phase of bfd is taken; its descendants stand, so nothing runs."""
    bench.declare(keep="0h")
    bench.run("bfd", **SHORT)
    place = premises(bench)
    items = [
        item for item in collectable(look_around(place)) if isinstance(item, ExpiredState) and "_bfd_0_" in item.prefix
    ]
    clean(place, items)

    ran = bench.run("bfd", **SHORT)

    assert len(items) == 1
    assert (ran.executed, next(phase["decision"] for phase in all_phases(ran.json))) == (0, "not needed")


def test_a_pinned_state_outlives_every_expiry(bench: Bench) -> None:
    """Until it is unpinned, which counts as a use."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    registry = wiring.registry(bench.settings)
    kept = bench.events("committed")[0]
    record = find_state(registry, str(kept.fingerprint)[:8])
    pin(registry, record, by="user")

    gc(bench)
    after_pin = of_states(bench)
    unpin(registry, find_state(registry, f"{record.run_id}/{record.mode}/{record.index}"), by="user")
    gc(bench)

    assert sorted(after_pin) == sorted(table.name.table for table in record.tables)
    assert (of_states(bench), "pinned" in {event.kind for event in bench.events("pinned")}) == ([], True)


def test_a_state_that_is_pinned_while_a_clean_up_is_under_way_stays(bench: Bench) -> None:
    """The clean-up had looked around before; it looks for pins again once it has written what it takes."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    registry = wiring.registry(bench.settings)
    record = find_state(registry, str(bench.events("committed")[0].fingerprint)[:8])
    place = premises(bench)
    items = collectable(look_around(place))
    pin(registry, record, by="user")

    clean(place, items)

    assert sorted(of_states(bench)) == sorted(table.name.table for table in record.tables)


def test_trap_37_a_comparison_finishes_while_its_states_expire(bench: Bench) -> None:
    """Trap 37: the run reuses states that have expired; a clean-up while it compares leaves them, one after it not."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    bench.declare(keep="0h", outputs={"daily": {"keys": ["day", "vessel"], "ignore": {"visits": "judged anew"}}})
    during: list[Swept] = []

    ran = bench.run("bf", "repeat", watch=once("stage", lambda: during.append(gc(bench)), text="comparing"))

    assert (ran.reused, ran.verdicts) == (2, {"repeat": "IDENTICAL"})
    assert "ExpiredState" not in kinds(during[0].gone)
    assert "ExpiredState" in kinds(gc(bench).gone)


def test_trap_37_cancelling_the_producer_leaves_what_another_run_compares(bench: Bench) -> None:
    """Trap 37: the producer has committed its state and died; cancelling it takes what is not committed, only."""
    bench.run("bf", "repeat")
    dead_run(bench)
    outcome: list[object] = []

    def act() -> None:
        outcome.append(cancel(premises(bench, patience=0.0), RunId("run-killed")))

    bench.declare(outputs={"daily": {"keys": ["day", "vessel"], "ignore": {"visits": "judged anew"}}})
    ran = bench.run("bf", "repeat", watch=once("stage", act, text="comparing"))

    assert (ran.reused, ran.verdicts) == (2, {"repeat": "IDENTICAL"})
    assert isinstance(outcome[0], WasCancelled)
    assert [name for name in of_states(bench) if name.endswith("__daily")] != []


def test_trap_37_cancelling_a_live_producer_lets_the_comparison_finish(bench: Bench) -> None:
    """Trap 37: it is at its next phase while another run compares what it has committed; then it is cancelled."""
    last_daily = (
        f"import sys, time\nif sys.argv[1] == '2024-01-08':\n    print('here', flush=True); time.sleep(600)\n{PROGRAM}"
    )
    bench.commit(GOOD, "half", program=last_daily)
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = replace(wiring.workplace(pipeline, bench.settings), registry=premises(bench, patience=OFTEN).registry)
    asked = api.Asked(pipeline="visits", commit="half", modes=["bf", "bfd", "repeat"], tail=1, lookback=1)
    request = api.make_request(asked, pipeline, place, bench.settings)
    ahead = prospect(request, place)
    run_id, seen, halfway = api.new_run_id(), set[str](), threading.Event()
    leaves = {mode: ahead.plan.mode(mode).leaf for mode in ("bf", "repeat")}

    def watch(note: Note) -> None:
        seen.add("here" if note.text == "here" else note.fingerprint or "" if note.kind == "committed" else "")
        if seen >= {"here", *leaves.values()}:
            halfway.set()

    outcomes: list[object] = []

    def cancel_producer() -> None:
        outcomes.append(cancel(premises(bench), run_id))
        outcomes.append(gc(bench))

    with ThreadPoolExecutor(1) as pool:
        producer = pool.submit(run_to_its_end, request, place, run_id, watch)
        assert halfway.wait(SECONDS)
        closing = once("stage", cancel_producer, text="comparing")
        ran = bench.run("bf", "repeat", commit="half", experiment_id="reader", watch=closing)
        stopped = producer.result()["stopped_by_signal"]

    assert (ran.reused, ran.exit_code, ran.verdicts) == (2, 0, {"repeat": "IDENTICAL"})
    assert (type(outcomes[0]), stopped) == (WasCancelled, 15)


def test_what_was_reused_is_shown_under_the_experiments_own_prefix(bench: Bench) -> None:
    """A view of each final state that lies elsewhere, as long as that state is kept; none where it lies already."""
    bench.run("bf", "repeat")
    before = bench.tables()
    bench.run("bf", "repeat")
    same = bench.tables()

    bench.declare(keep="0h")
    other = bench.run("bf", "repeat", experiment_id="reader")
    bench.run("bf", "repeat", experiment_id="reader")
    bench.run("bf", "repeat", experiment_id="solo_0123ab")
    views = bench.tables("reader_")
    rows = [bench.query(f"SELECT COUNT(*) AS n FROM `{bench.scratch}.{view}`")[0]["n"] for view in views]
    kept = gc(bench)

    assert (same, other.reused, bench.tables("solo_")) == (before, 2, [])
    assert (rows, {name.rpartition("__")[2] for name in views}) == ([32, 32], {"daily"})
    assert ("ExpiredState" in kinds(kept.gone), bench.tables("reader_")) == (False, views)


def test_the_views_go_with_the_state_that_they_show(bench: Bench) -> None:
    """Not before it, and not after it."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    bench.run("bf", "repeat", experiment_id="reader")
    shown = bench.tables("reader_")

    gc(bench)

    assert (len(shown), bench.tables()) == (2, [])


def test_trap_42_an_event_that_names_a_state_as_a_view_takes_nothing(bench: Bench) -> None:
    """Trap 42: one state is expired, another is pinned, and a record says that the second shows the first."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    first, second = bench.events("committed")
    registry = wiring.registry(bench.settings)
    pin(registry, find_state(registry, second.fingerprint or ""), by="user")
    forged = {
        "prefix": first.payload["prefix"],
        "views": [f"{second.payload['prefix']}__daily"],
        "mode": "bf",
        "index": 0,
    }
    registry.append([Event(kind="reused", run_id=first.run_id, pipeline="visits", payload=forged)])

    gc(bench)
    gc(bench)

    left = {name.rpartition("__")[0].removesuffix("__daily") for name in of_states(bench)}
    assert left == {second.payload["prefix"]}


def test_trap_37_a_run_that_plans_while_a_state_is_taken_stops_or_keeps_it(bench: Bench) -> None:
    """Trap 37: between a run's plan and its record a clean-up took the state: the run says so, and does not start."""
    bench.declare(keep="0h")
    bench.run("bf", "repeat")
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    asked = api.Asked(pipeline="visits", commit="good", modes=["bf", "repeat"])
    ahead = prospect(api.make_request(asked, pipeline, place, bench.settings), place)
    gc(bench)

    with pytest.raises(Exception, match="was cleaned up while the run was being planned; run again"):
        open_run(ahead, place, "run-late")


def test_trap_42_a_malformed_record_leads_to_no_other_table(bench: Bench) -> None:
    """Trap 42: records that name the source, the registry or a whole dataset; only generated names ever go."""
    bench.declare(keep="0h")
    bench.run("bf")
    [record] = bench.events("committed")
    registry = wiring.registry(bench.settings)
    victims = [f"{bench.source}.visits", str(bench.scratch), f"{bench.scratch}.precious"]
    bench.query(f"CREATE TABLE `{bench.scratch}.precious` AS SELECT 1 AS n")
    for prefix in ("", "precious", "visits"):
        tables = [{**record.payload["tables"][0], "name": f"{bench.source}.visits"}]
        registry.append(
            [replace(record, event_id=None, payload={**record.payload, "prefix": prefix, "tables": tables})]
        )
    registry.append([replace(record, event_id=None, payload={"prefix": 7, "tables": victims})])

    gc(bench)

    assert bench.tables() == ["precious"]
    assert bench.query(f"SELECT COUNT(*) AS n FROM `{bench.source}.visits`")[0]["n"] == 40


def test_trap_42_a_dataset_without_our_label_is_refused(bench: Bench) -> None:
    """Trap 42: a setting that leads to somebody else's dataset deletes nothing there."""
    place = premises(bench)
    foreign = bench.warehouse.client.create_dataset(f"{bench.warehouse.project}.foreign_{bench.scratch.dataset}")
    name = replace(bench.scratch, dataset=foreign.dataset_id)
    bench.query(f"CREATE TABLE `{name}.precious` AS SELECT 1 AS n")
    try:
        with pytest.raises(Exception, match="does not carry the label dit=generated"):
            look_around(replace(place, dataset=name))
    finally:
        bench.warehouse.client.delete_dataset(foreign, delete_contents=True)


def test_trap_42_tables_of_another_registry_are_left_alone(bench: Bench) -> None:
    """Trap 42: they have our form, and this registry has never heard of their run."""
    name = f"theirs_{'a' * 40}_bf_0_0123456789ab__daily"
    bench.run("bf")
    bench.query(f"CREATE TABLE `{bench.scratch}.{name}` AS SELECT 1 AS n")

    gc(bench, patience=0.0)

    assert name in bench.tables()


@pytest.mark.parametrize(
    ("written", "cancelled"),
    [
        pytest.param([], True, id="only planned"),
        pytest.param(["claimed"], True, id="waiting"),
        pytest.param(["claimed", "beat", "failed"], True, id="between two phases"),
        pytest.param(["mode_finished"], True, id="one mode of several"),
        pytest.param(["a_kind_of_tomorrow"], True, id="in a state that nobody knows yet"),
        pytest.param(["run_finished"], False, id="finished"),
        pytest.param(["run_cancelled"], False, id="cancelled before"),
    ],
)
def test_trap_43_whatever_is_not_over_is_cancelled(bench: Bench, written: list[str], cancelled: bool) -> None:
    """Trap 43: the states that are terminal are listed, and no others."""
    registry = wiring.registry(bench.settings)
    payload = {"generation": 1, "epoch": 0, "outcome": "pass"}
    registry.append(
        [
            Event(kind=kind, run_id="run-000001", pipeline="visits", fingerprint="f" * 64, payload=payload)
            for kind in ("note", *written)
        ]
    )

    outcome = cancel(premises(bench, patience=0.0), RunId("run-000001"))

    assert isinstance(outcome, WasCancelled if cancelled else AlreadyOver)


def test_trap_43_cancelling_again_finds_nothing_to_cancel(bench: Bench) -> None:
    """Trap 43: idempotent; and a run that nobody knows is told apart from one that is over."""
    dead_run(bench)
    place = premises(bench, patience=0.0)

    outcomes = [cancel(place, RunId(name)) for name in ("run-killed", "run-killed", "run-unknown")]

    assert [type(one) for one in outcomes] == [WasCancelled, AlreadyOver, NoSuchRun]
    assert bench.tables() == []


def test_trap_43_a_running_process_obeys_through_the_registry(bench: Bench) -> None:
    """Trap 43: asked from elsewhere, it ends its step, drops what is not committed, and says that it was stopped."""
    bench.commit(GOOD, "slow", program=SLOW)
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = replace(wiring.workplace(pipeline, bench.settings), registry=premises(bench, patience=OFTEN).registry)
    asked = api.Asked(pipeline="visits", commit="slow", modes=["bf", "repeat"])
    request = api.make_request(asked, pipeline, place, bench.settings)
    started = threading.Event()

    def watch(note: Note) -> None:
        if note.kind == "line" and note.text == "here":
            started.set()

    with ThreadPoolExecutor(1) as pool:
        run_id = api.new_run_id()
        running = pool.submit(run_to_its_end, request, place, run_id, watch)
        assert started.wait(SECONDS)
        outcome = cancel(premises(bench), run_id)
        described = running.result()

    assert (outcome, described["stopped_by_signal"]) == (WasCancelled(by_itself=True), 15)
    assert of_states(bench) == []


def test_trap_43_a_mode_that_was_waiting_does_not_start_after_all(bench: Bench) -> None:
    """Trap 43: the request came while it was queued; its first phase is cancelled before its first step."""
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    asked = api.Asked(pipeline="visits", commit="good", modes=["bf", "repeat"])
    ahead = prospect(api.make_request(asked, pipeline, place, bench.settings), place)
    open_run(ahead, place, "run-queued")
    place.registry.append([cancel_request("run-queued", "visits")])

    outcomes, _ = execute(ahead, place, "run-queued", modes=("bf", "repeat"), stop=Stop(), watch=lambda _: None)

    assert {type(one).__name__ for one in outcomes.values()} == {"Cancelled"}
    assert bench.events("claimed") == []


def test_an_experiment_is_cleaned_alone(bench: Bench) -> None:
    """`--experiment`: what belongs to another one is not looked at."""
    dead_run(bench)
    items = collectable(look_around(premises(bench, patience=0.0)))

    assert kinds(of_experiment(items, "bench")) == {"DeadLease", "attempt", "input"}
    assert of_experiment(items, "another") == ()
    assert any(isinstance(item, DeadLease) for item in items)


def test_folders_go_once_no_run_has_used_them_for_a_week(bench: Bench) -> None:
    """By their last use, which a run notes; while a run is alive that began before it, they stay."""
    bench.run("bf")
    home = bench.settings.directory
    old = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    folders = [
        path for part in ("checkouts", "environments", "logs") for path in (home / part).iterdir() if path.is_dir()
    ]
    for path in folders:
        os.utime(path, (old, old))
    fresh = home / "checkouts" / "fresh"
    fresh.mkdir()

    gc(bench)

    assert [path for path in folders if path.exists()] == []
    assert fresh.exists()
    assert bench.run("bf", force=True).executed == 1
    assert time.time() - (home / "checkouts").stat().st_mtime < 3600


LABELS = ("dit_experiment", "dit_pipeline", "dit_run")


def test_trap_44_every_pipeline_gets_the_labels_of_one_builder() -> None:
    """Trap 44: each declared pipeline, with an id of Dagster's and the longest names that there can be."""
    for name in wiring.declarations(Settings()):
        pipeline = wiring.find_pipeline(name, Settings())
        for run_id in ("20240101-000000-abcdef", "0f8fad5b-d9cb-469f-a165-70867728950e", "r" * 64):
            labels = run_labels(replace(a_request("bf"), pipeline=pipeline), run_id)

            assert tuple(sorted(labels)) == LABELS
            assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for value in labels.values())
            assert labels["dit_run"] == run_id or len(run_id) == 64
            for step in pipeline.steps:
                of_jobs = job_labels(
                    replace(a_request("bf"), pipeline=pipeline), run_id, Fingerprint("f" * 64), step.name
                )
                assert labels.items() < of_jobs.items()
                assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for value in of_jobs.values())


def test_trap_44_two_long_run_ids_have_two_labels() -> None:
    """Trap 44: an id is one character longer than a label can be, and the last one may be all that tells two apart."""
    labels = {run_labels(a_request("bf"), "r" * 63 + last)["dit_run"] for last in "ab"}

    assert len(labels) == 2


def test_trap_44_a_run_is_found_by_its_label(bench: Bench) -> None:
    """Trap 44: the clones, the digests, the mutation and the step's own arguments carry it."""
    step = {
        **bench.declaration["steps"][0],
        "labels": ["--label={key}={value}"],
    }
    bench.declare(steps=[step])
    began = datetime.now(UTC)

    ran = bench.run("bf", "mutate_recover", **SHORT)

    jobs = [job for job in bench.warehouse.client.list_jobs(min_creation_time=began, all_users=True) if job.labels]
    own = [str(job.query) for job in jobs if job.labels.get("dit_run") == ran.json["run_id"]]
    logs = [file.read_text() for file in (bench.settings.directory / "logs" / ran.json["run_id"]).iterdir()]
    assert any(" CLONE " in text for text in own)
    assert any("mutated_visits" in text for text in own)
    assert all(f"--label=dit_run={ran.json['run_id']}" in text for text in logs)


def test_trap_44_inputs_expire_by_themselves_and_states_do_not(bench: Bench) -> None:
    """Trap 44: without any clean-up a pin or a mutated source goes a month later; a state is not so simple."""
    bench.run("bf", "mutate_recover", **SHORT)

    expires = {
        name: bench.warehouse.client.get_table(f"{bench.scratch}.{name}").expires is not None for name in bench.tables()
    }

    assert {name: "__" not in name for name in expires} == expires
    assert len([name for name, does in expires.items() if does]) >= 2
