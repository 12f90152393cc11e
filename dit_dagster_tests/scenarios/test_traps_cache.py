"""Traps 15, 21 and 29 to 38, end to end: what is reused, what is trusted, and what changed in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.evidence.report import report_json
from dit_dagster.model.identity import TableName
from dit_dagster.ports import Event
from dit_dagster.running.names import state_prefix
from dit_dagster.running.orchestrator import Stop
from dit_dagster.running.run import prospect, run
from dit_dagster.running.workplace import Note
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, PROGRAM, Bench, all_phases, decisions, sql

SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}


def errors(described: Any) -> set[str]:
    return {phase["error"] for phase in all_phases(described) if "error" in phase}


def states(bench: Bench, suffix: str = "daily") -> dict[str, str]:
    """The table of each committed phase, by its mode and place."""
    return {
        f"{event.payload['mode']}/{event.payload['index']}": f"{bench.scratch}.{event.payload['prefix']}__{suffix}"
        for event in bench.events("committed")
    }


def once(kind: str, act: Callable[[], None], *, text: str = "") -> Callable[[Note], None]:
    """A watcher that acts at the first note of a kind."""
    done: list[Note] = []

    def watch(note: Note) -> None:
        if note.kind == kind and note.text.startswith(text) and not done:
            done.append(note)
            act()

    return watch


def changed_without_a_trace(bench: Bench) -> None:
    """A row is lost from the last state, and the registry's record agrees with what the warehouse says afterwards."""
    committed = bench.events("committed")[-1]
    [table] = [one for one in committed.payload["tables"] if one["kind"] == "TABLE"]
    bench.query(f"DELETE FROM `{table['name']}` WHERE day = '2024-01-03' AND vessel = 'v2'")
    name = TableName.parse(table["name"], project="")
    facts = bench.warehouse.facts([name])[name]
    tables = [
        {**one, "etag": facts.etag, "created": facts.created.isoformat()} if one == table else one
        for one in committed.payload["tables"]
    ]
    wiring.registry(bench.settings).append(
        [replace(committed, event_id=None, payload={**committed.payload, "tables": tables})]
    )


@pytest.mark.parametrize(("verify", "reused"), [("metadata", 1), ("digest", 0)])
def test_what_a_state_holds_is_read_again_if_that_is_declared(bench: Bench, verify: str, reused: int) -> None:
    """Metadata that agrees is believed by default; a digest shows that a row is missing, and the phase runs again."""
    bench.declare(verify=verify)
    bench.run("bf")
    before = bench.run("bf")
    changed_without_a_trace(bench)

    ahead, again = bench.explain("bf"), bench.run("bf")

    found = [reason for phase in all_phases(ahead) for reason in phase["reasons"]]
    assert (before.reused, again.reused) == (1, reused)
    assert ("output: daily holds something else than was committed" in found) is not bool(reused)


def test_a_state_whose_content_was_not_taken_down_is_run_again(bench: Bench) -> None:
    """Who asks for digests after it ran has none to trust."""
    bench.run("bf")
    bench.declare(verify="digest")

    first, second = bench.run("bf"), bench.run("bf")

    assert (first.executed, second.reused) == (1, 1)
    [[reason]] = [phase["reasons"] for phase in all_phases(first.json)]
    assert reason == "output: what daily held was not taken down, as verify: digest asks for"


def test_trap_31_back_to_an_earlier_commit_is_all_reused(bench: Bench) -> None:
    """Trap 31: A, then B, then A again: nothing runs, and what is downstream is A's."""
    bench.commit(f"{GOOD}-- the same, otherwise\n", "other")
    first = bench.run("bf", "bfd", **SHORT)
    second = bench.run("bf", "bfd", commit="other", **SHORT)

    third = bench.run("bf", "bfd", **SHORT)

    assert (first.executed, second.executed, third.executed, third.reused) == (3, 3, 0, 3)
    assert third.json["comparisons"] == first.json["comparisons"]
    assert set(decisions(third.json)).isdisjoint(decisions(second.json))


def test_trap_29_a_source_that_was_created_anew_is_another_source(bench: Bench) -> None:
    """Trap 29: the same name with the very same rows; everything runs, for that reason."""
    bench.run("bf", "repeat")
    bench.load()

    expected = bench.explain("bf", "repeat")

    assert {tuple(phase["reasons"]) for phase in all_phases(expected)} == {("source: visits changed",)}


def test_trap_30_a_changed_input_is_run_again_and_with_it_what_stands_on_it(bench: Bench) -> None:
    """Trap 30: one more row in the source, and no phase is passed over: the states and the verdict are of that row."""
    bench.run("bf", "bfd", **SHORT)
    bench.query(f"INSERT INTO `{bench.source}.visits` VALUES ('late', TIMESTAMP '2024-01-02 12:00:00')")

    again = bench.run("bf", "bfd", **SHORT)

    rows = {
        place: bench.query(f"SELECT COUNT(*) AS n FROM `{name}` WHERE vessel = 'late'")[0]["n"]
        for place, name in states(bench).items()
    }
    assert (again.executed, again.reused, again.verdicts) == (3, 0, {"bfd": "IDENTICAL"})
    assert rows == {"bf/0": 1, "bfd/0": 1, "bfd/1": 1}


def test_trap_32_a_state_that_was_changed_is_not_reused(bench: Bench) -> None:
    """Trap 32: the table exists under its name; its phase runs again, and the verdict is about what it wrote."""
    bench.run("bf", "repeat")
    bench.query(f"UPDATE `{states(bench)['repeat/0']}` SET visits = visits + 1 WHERE TRUE")

    again = bench.run("bf", "repeat")

    reasons = [phase["reasons"] for mode in again.json["modes"] for phase in mode["phases"]]
    assert (again.executed, again.verdicts) == (1, {"repeat": "IDENTICAL"})
    assert reasons[1] == ["output: daily was changed after it was committed"]


def test_trap_32_a_view_that_was_changed_is_not_reused(bench: Bench) -> None:
    """Trap 32: the same for a view of the state."""
    bench.declare(outputs={"daily": {"view": "{table}_busy", "keys": ["day", "vessel"]}})
    bench.run("bf", "repeat")
    view = states(bench, "daily_busy")["repeat/0"]
    bench.query(f"CREATE OR REPLACE VIEW `{view}` AS SELECT * FROM `{states(bench)['repeat/0']}` WHERE visits > 0")

    expected = bench.explain("bf", "repeat")

    assert [phase["decision"] for phase in all_phases(expected)] == ["reuse", "run"]


def test_trap_32_a_state_that_changes_before_the_verdict_is_an_error(bench: Bench) -> None:
    """Trap 32: the digest was taken at the commit; a verdict on a table that is another by now would be wrong."""

    def tamper() -> None:
        bench.query(f"DELETE FROM `{states(bench)['repeat/0']}` WHERE vessel = 'v1'")

    ran = bench.run("bf", "repeat", watch=once("stage", tamper, text="comparing"))

    assert (ran.exit_code, ran.verdicts) == (4, {"repeat": "ERROR"})
    assert ran.comparison("repeat")["reason"].startswith("repeat: daily was changed after it was committed")


def test_trap_32_no_phase_starts_from_a_state_that_was_changed(bench: Bench) -> None:
    """Trap 32: otherwise a wrong state would be recorded under a right fingerprint."""

    def tamper() -> None:
        bench.query(f"UPDATE `{states(bench)['bfd/0']}` SET visits = 7 WHERE TRUE")

    ran = bench.run("bfd", watch=once("committed", tamper), **SHORT)

    assert errors(ran.json) == {
        "the state to start from is not what was committed: daily was changed after it was committed; run again"
    }
    assert len(bench.events("committed")) == 1


def test_trap_29_a_source_that_changes_while_the_run_starts_stops_it(bench: Bench) -> None:
    """Trap 29: the pin would not hold what was planned; nothing is recorded under the planned fingerprint."""

    def tamper() -> None:
        bench.query(f"DELETE FROM `{bench.source}.visits` WHERE vessel = 'v3'")

    ran = bench.run("bf", "repeat", watch=once("stage", tamper, text="running"))

    assert (ran.exit_code, ran.verdicts, bench.events("committed")) == (4, {"repeat": "SKIPPED"}, [])
    assert all("changed while the run was starting; run again" in error for error in errors(ran.json))


def test_a_step_that_writes_into_its_source_is_refused(bench: Bench) -> None:
    """Every mode reads the same pin: who changes it changes what the others see."""
    bench.commit(sql(more="DELETE FROM `{visits}` WHERE vessel = 'v1';"), "greedy")

    ran = bench.run("bf", commit="greedy")

    assert errors(ran.json) == {"a step wrote into source 'visits', which every mode reads; it may only read it"}
    assert bench.events("committed") == []


def test_a_view_that_reads_outside_its_state_is_refused(bench: Bench) -> None:
    """Both sides of a comparison would read the same table there, and be equal whatever the modes did."""
    outside = "CREATE OR REPLACE VIEW `{daily}_last` AS SELECT * FROM `" + f"{bench.source}.visits`;"
    bench.commit(sql(more=outside), "outside")
    bench.declare(outputs={"daily": {"view": "{table}_last"}})

    ran = bench.run("bf", "repeat", commit="outside")

    assert (ran.exit_code, ran.verdicts) == (4, {"repeat": "SKIPPED"})
    assert all("which is not part of its state" in error for error in errors(ran.json))


def test_views_over_views_follow_their_state(bench: Bench) -> None:
    """Each clone has its own views over its own tables, whatever the order of their names."""
    stacked = "CREATE OR REPLACE VIEW `{daily}_a` AS SELECT vessel, MAX(visits) AS n FROM `{daily}_busy` GROUP BY 1;"
    bench.commit(sql(more=stacked), "stacked")
    bench.declare(outputs={"daily": {"view": "{table}_a", "keys": ["vessel"]}})

    ran = bench.run("bf", "bfd", commit="stacked", **SHORT)

    assert (ran.exit_code, ran.verdicts) == (0, {"bfd": "IDENTICAL"})


def test_a_step_that_writes_nothing_is_no_success(bench: Bench) -> None:
    """Exit code 0 without the output is a failed phase, which says what is missing."""
    bench.commit(GOOD, "idle", program="print('nothing to do')")

    ran = bench.run("bf", "repeat", commit="idle")

    assert (ran.exit_code, ran.verdicts) == (4, {"repeat": "SKIPPED"})
    assert errors(ran.json) == {"output 'daily': the pipeline did not write daily; under its prefix there is nothing"}


def test_two_empty_outputs_prove_nothing(bench: Bench) -> None:
    """Nothing equals nothing: inconclusive."""
    bench.declare(outputs={"daily": {"keys": ["day", "vessel"]}})
    bench.commit(sql(where="FALSE"), "empty")

    ran = bench.run("bf", "repeat", commit="empty")

    assert (ran.exit_code, ran.verdicts) == (3, {"repeat": "EMPTY"})


def test_trap_15_records_with_missing_fields_are_not_believed(bench: Bench) -> None:
    """Trap 15: a digest or a verdict that lacks a field is no evidence; what it would say is found out again."""
    bench.commit(APPENDING, "appending")
    before = bench.run("bf", "bftruncate", commit="appending", **SHORT)
    [digest, *_] = bench.events("digest")
    [verdict] = bench.events("verdict")
    registry = wiring.registry(bench.settings)
    for event, payload in (
        (digest, {**digest.payload, "digest": {"rows": 0}}),
        (verdict, {"output": "daily", "verdict": "IDENTICAL", "outcome": "pass"}),
    ):
        forged = Event(
            kind=event.kind, run_id="run-forged", pipeline="visits", fingerprint=event.fingerprint, payload=payload
        )
        registry.append([forged])

    after = bench.run("bf", "bftruncate", commit="appending", **SHORT)

    assert (after.executed, before.verdicts, after.verdicts) == (0, {"bftruncate": "DIFFERENT"}, before.verdicts)


def test_trap_15_a_committed_record_that_cannot_be_read_counts_as_none(bench: Bench) -> None:
    """Trap 15: neither what is decided nor what runs takes it for a state."""
    bench.run("bf")
    [record] = bench.events("committed")
    broken = {name: value for name, value in record.payload.items() if name != "tables"}
    wiring.registry(bench.settings).append([replace(record, event_id=None, payload=broken)])
    bench.query(f"UPDATE `{states(bench)['bf/0']}` SET visits = 0 WHERE TRUE")

    again = bench.run("bf")

    assert (again.executed, again.verdicts) == (1, {"bf": "NOT_COMPARED"})


def test_trap_23_what_can_no_longer_be_told_is_not_a_pass(bench: Bench) -> None:
    """Trap 23: the damaged state has expired and the policy changed since: whether it left a mark is unknown."""
    bench.run("bf", "mutate_recover", **SHORT)
    for suffix in ("daily_busy", "daily"):
        kind = "VIEW" if suffix == "daily_busy" else "TABLE"
        bench.query(f"DROP {kind} `{states(bench, suffix)['mutate_recover/1']}`")
    bench.declare(outputs={"daily": {"keys": ["day", "vessel"], "ignore": {"visits": "a reason"}}})

    ran = bench.run("bf", "mutate_recover", **SHORT)

    assert (ran.exit_code, ran.executed, ran.verdicts) == (3, 0, {"mutate_recover": "NOT_EXERCISED"})
    assert "cannot be told" in ran.comparison("mutate_recover")["reason"]


def test_force_runs_what_could_be_reused(bench: Bench) -> None:
    """Every phase, and the verdict is about the new states."""
    bench.run("bf", "repeat")

    forced = bench.run("bf", "repeat", force=True)

    assert (forced.executed, forced.reused, forced.exit_code) == (2, 0, 0)


def test_two_runs_at_once_compute_each_phase_once(bench: Bench) -> None:
    """Whoever has the claim computes; the other waits and takes over the result. Both come to the same verdict."""
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: bench.run("bf", "repeat"), range(2)))

    assert [ran.verdicts for ran in both] == [{"repeat": "IDENTICAL"}] * 2
    assert sum(ran.executed for ran in both) == len(bench.events("committed")) == 2


def test_trap_35_nothing_starts_on_what_a_killed_process_left_behind(bench: Bench) -> None:
    """Trap 35: a job's step that is started again after SIGKILL has the same run id, and so the same names."""
    settings, run_id = bench.settings, "run-killed"
    pipeline = wiring.find_pipeline("visits", settings)
    place = wiring.workplace(pipeline, settings)
    impatient = WarehouseRegistry(bench.warehouse, settings.registry(bench.warehouse.project), patience=0.5)
    asked = api.Asked(pipeline="visits", commit="good", modes=["bf", "repeat"])
    request = api.make_request(asked, pipeline, place, settings)
    backfill = prospect(request, place).plan.mode("bf").leaf
    impatient.claim(backfill, run_id=run_id, pipeline="visits")
    prefix = state_prefix(request, "bf", 0, {"fingerprint": backfill, "run": run_id})
    bench.query(
        f"CREATE TABLE `{bench.scratch}.{prefix}__daily` AS "
        "SELECT DATE '1999-01-01' AS day, 'v1' AS vessel, 1 AS visits"
    )
    time.sleep(0.6)

    report = run(request, replace(place, registry=impatient), run_id)

    assert [(one.verdict, one.json["rows_left"]) for one in report.comparisons] == [("IDENTICAL", 32)]


def test_a_run_that_is_stopped_is_no_pass(bench: Bench) -> None:
    """Its steps are ended, what they made is gone, and the registry says so."""
    bench.commit(GOOD, "slow", program=f"import time; print('here', flush=True); time.sleep(60)\n{PROGRAM}")
    stop = Stop()

    report = api.run(
        "visits",
        settings=bench.settings,
        commit="slow",
        modes=["bf", "repeat"],
        watch=once("line", lambda: stop.ask(15), text="here"),
        stop=stop,
    )

    described = report_json(report)
    assert (described["outcome"], described["stopped_by_signal"]) == ("inconclusive", 15)
    assert [one["verdict"] for one in described["comparisons"]] == ["SKIPPED"]
    assert [name for name in bench.tables() if "__" in name] == []
    assert len(bench.events("cancelled")) >= 1


def test_a_state_is_digested_once(bench: Bench) -> None:
    """A verdict reads the digest that was taken when the state was committed; no state is scanned again for it."""
    bench.run("bf", "bfd", **SHORT)

    taken = [(event.fingerprint, event.payload["output"]) for event in bench.events("digest")]

    assert len(taken) == len(set(taken)) == 2
