"""Traps 15 to 20, 22 to 28 and 34 to 39, end to end: what is run, what is compared, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.errors import BadSource, UnknownName, UsageError
from dit_dagster.model.identity import TableName
from dit_dagster.ports import TableFacts
from dit_dagster_tests.scenarios.bench import (
    A_DAY_LOST,
    ALL_MODES,
    APPENDING,
    GOOD,
    PROGRAM,
    RANDOM,
    Bench,
    all_phases,
    decisions,
    phases,
    sql,
)
from dit_dagster_tests.scenarios.conftest import Finished

FAILS_ON_SHORT_WINDOWS = PROGRAM.replace(
    "sql = open", "if start[-2:] > '01': sys.exit('short windows break')\nsql = open"
)


def test_every_mode_of_a_good_commit_is_identical(finished: Finished) -> None:
    """Exit code 0, and a verdict for each mode but the reference."""
    found = (finished.ran.exit_code, finished.ran.verdicts)

    assert found == (0, dict.fromkeys(ALL_MODES[1:], "IDENTICAL")), finished.ran.json


def test_each_distinct_phase_ran_once(finished: Finished) -> None:
    """Sixteen phases of which fourteen are distinct; never more at a time than was asked for."""
    expected = {"naive": 16, "planned": 14, "executed": 14, "reused": 0}

    assert (finished.ran.json["invocations"], len(finished.bench.events("committed"))) == (expected, 14)
    assert finished.ran.json["peak_parallel"] == 2


def test_trap_18_runs_and_comparisons_come_from_one_plan(finished: Finished) -> None:
    """Trap 18: every mode that ran is in the report, and in exactly one comparison per output."""
    modes = [mode["mode"] for mode in finished.ran.json["modes"]]
    compared = [(one["left"], one["right"]) for one in finished.ran.json["comparisons"]]

    assert (modes, compared) == (list(ALL_MODES), [("bf", mode) for mode in ALL_MODES[1:]])


def test_trap_20_a_warm_run_does_what_explain_says(finished: Finished) -> None:
    """Trap 20: nothing is executed, every phase is the one that explain named, every verdict stands."""
    expected = finished.bench.explain(*ALL_MODES)

    again = finished.bench.run(*ALL_MODES)

    assert phases(again.json) == phases(expected)
    assert (again.executed, again.reused, again.verdicts) == (0, 14, finished.ran.verdicts)


def test_trap_20_explain_and_run_agree_cold_and_after_a_change(bench: Bench) -> None:
    """Trap 20: cold, and after one row of the source changed, the run does phase by phase what explain said."""
    cold = bench.explain("bf", "repeat")
    first = bench.run("bf", "repeat")
    bench.query(f"UPDATE `{bench.source}.visits` SET vessel = 'v9' WHERE vessel = 'v4' AND DATE(seen) = '2024-01-03'")
    changed = bench.explain("bf", "repeat")
    second = bench.run("bf", "repeat")

    assert (phases(first.json), phases(second.json)) == (phases(cold), phases(changed))
    assert {reason for phase in all_phases(changed) for reason in phase["reasons"]} == {"source: visits changed"}
    assert (second.executed, second.exit_code) == (2, 0)


def test_trap_20_explain_writes_nothing(bench: Bench) -> None:
    """Trap 20: what was only looked at leaves no table and no row."""
    bench.explain("bf", "bfd")

    assert (bench.tables(), bench.events("run_planned"), bench.events("source_days")) == ([], [], [])


def test_trap_24_a_known_bad_commit_is_red_in_every_mode(bench: Bench) -> None:
    """Trap 24: rows appended without a delete are doubled wherever a day is run twice; only the replica agrees."""
    bench.commit(APPENDING, "appending")

    ran = bench.run(*ALL_MODES, commit="appending", tail=1)

    expected = {**dict.fromkeys(ALL_MODES[1:], "DIFFERENT"), "repeat": "IDENTICAL"}
    assert (ran.exit_code, ran.verdicts) == (1, expected)
    assert ran.comparison("bfd")["explanation"]["multiplicity"] > 0


def test_the_first_phase_after_which_modes_part_is_told(bench: Bench) -> None:
    """The daily run that doubled its days, with its window, its command and a row that is there too often."""
    bench.commit(APPENDING, "appending")

    ran = bench.run("bf", "bftruncate", commit="appending")

    parting = ran.comparison("bftruncate")["explanation"]["parting"]
    assert (parting["mode"], parting["index"], parting["start"]) == ("bftruncate", 1, "2024-01-06")
    assert "job.py 2024-01-06 2024-01-08" in parting["commands"][0]
    found = {(row["kind"], row["key"]["day"]) for row in parting["samples"]}
    assert found == {("extra", "2024-01-06"), ("extra", "2024-01-07")}


def test_where_modes_part_is_not_guessed_when_a_state_is_gone(bench: Bench) -> None:
    """The state in between was dropped, the one that it led to still stands: then it cannot be told."""
    bench.commit(APPENDING, "appending")
    bench.run("bf", "bftruncate", commit="appending")
    for table in bench.tables():
        if "_bftruncate_1_" in table:
            bench.query(f"DROP {'VIEW' if table.endswith('_busy') else 'TABLE'} `{bench.scratch}.{table}`")
    bench.declare(outputs={"daily": {"keys": ["day", "vessel"], "day": "day", "dimensions": ["vessel"]}})

    ran = bench.run("bf", "bftruncate", commit="appending")

    told = ran.comparison("bftruncate")["explanation"]
    assert (ran.executed, told["parting"]) == (0, None)
    assert told["parting_untold"].startswith("the state after phase 2 of bftruncate is gone")


def test_trap_28_what_varies_from_run_to_run_is_told_from_a_mode_difference(bench: Bench) -> None:
    """Trap 28: the replica of the first mode differs, with its columns; that is not passed either."""
    bench.commit(RANDOM, "random")

    ran = bench.run("bf", "repeat", commit="random")

    assert (ran.exit_code, ran.verdicts) == (1, {"repeat": "NON_DETERMINISTIC"})
    assert [column["name"] for column in ran.comparison("repeat")["columns"]] == ["visits"]


def test_trap_25_a_day_lost_in_every_mode_alike_is_incomplete(bench: Bench) -> None:
    """Trap 25: all modes agree, and the output has no row for a day on which the source has some."""
    bench.commit(A_DAY_LOST, "lost")

    ran = bench.run("bf", "repeat", commit="lost")

    assert (ran.exit_code, ran.verdicts) == (1, {"repeat": "INCOMPLETE"})
    assert "first 2024-01-06" in ran.comparison("repeat")["reason"]


def test_trap_19_a_failed_sibling_hides_nothing(bench: Bench) -> None:
    """Trap 19: its pairs are SKIPPED with the reason, the others are judged, and the whole is not a pass."""
    bench.commit(GOOD, "broken", program=FAILS_ON_SHORT_WINDOWS)

    ran = bench.run("bf", "bfd", "repeat", commit="broken", tail=1)

    outcomes = {mode["mode"]: mode["outcome"] for mode in ran.json["modes"]}
    assert (ran.exit_code, ran.verdicts) == (4, {"bfd": "SKIPPED", "repeat": "IDENTICAL"})
    assert outcomes == {"bf": "ran", "bfd": "failed", "repeat": "ran"}
    assert "short windows break" in ran.comparison("bfd")["reason"]


def test_trap_35_a_failure_leaves_its_history_and_no_tables(bench: Bench) -> None:
    """Trap 35: the run's row and the claim come before the work, the failure after it; half-done tables are gone."""
    bench.commit(sql(more="SELECT 1 / 0;"), "breaking")

    ran = bench.run("bf", commit="breaking")

    kinds = [event.kind for event in bench.events_of(ran.json["run_id"])]
    interesting = [kind for kind in kinds if kind in ("run_planned", "claimed", "failed", "verdict", "run_finished")]
    assert interesting == ["run_planned", "claimed", "failed", "verdict", "run_finished"]
    assert [name for name in bench.tables() if "__daily" in name] == []


def test_a_run_goes_on_from_the_last_committed_phase(bench: Bench) -> None:
    """After a failure only the failed phase and its descendants run."""
    bench.query(f"CREATE TABLE `{bench.source}.gate` AS SELECT 0 AS open")
    gated = sql(more=f"SELECT IF('{{start}}' = '2024-01-01', 1, 1 / open) FROM `{bench.source}.gate`;")
    bench.commit(gated, "gated")

    first = bench.run("bf", "bfd", commit="gated", tail=1)
    bench.query(f"UPDATE `{bench.source}.gate` SET open = 1 WHERE TRUE")
    second = bench.run("bf", "bfd", commit="gated", tail=1)

    assert (first.exit_code, first.executed) == (4, 2)
    assert (second.exit_code, second.executed, second.reused) == (0, 1, 2)


@pytest.mark.parametrize(
    ("modes", "error", "said"),
    [
        pytest.param(["bf", "bdf"], UnknownName, "unknown mode 'bdf' in --modes; visits has bf, bfd", id="mistyped"),
        pytest.param(["bf", "bf"], UsageError, "mode 'bf' stands twice", id="twice"),
        pytest.param(["bf", " bf "], UsageError, "mode 'bf' stands twice", id="twice in two spellings"),
    ],
)
def test_trap_17_a_wrong_mode_is_rejected_before_anything_happens(
    finished: Finished, modes: list[str], error: type[Exception], said: str
) -> None:
    """Trap 17: a mistyped or a repeated name stops the run; the registry has no row of it."""
    before = len(finished.bench.events("run_planned"))

    with pytest.raises(error, match=said):
        finished.bench.run(*modes)

    assert len(finished.bench.events("run_planned")) == before


def test_trap_17_a_single_mode_is_not_compared(finished: Finished) -> None:
    """Trap 17: zero comparisons are inconclusive, exit code 3."""
    ran = finished.bench.run("bf")

    assert (ran.exit_code, ran.verdicts) == (3, {"bf": "NOT_COMPARED"})
    assert ran.comparison("bf")["reason"] == "only bf was run; add a mode to --modes"


def test_trap_22_a_dirty_working_tree_is_not_what_runs(bench: Bench) -> None:
    """Trap 22: the user's edits, staged or not, change neither the plan nor the result."""
    before = bench.explain("bf", "repeat", commit="HEAD")
    bench.repository.write({"job.sql": "SELECT 1 / 0", "job.py": "raise SystemExit('the working tree ran')"})
    bench.repository.git("add", "job.sql")

    ran = bench.run("bf", "repeat", commit="HEAD")

    assert (ran.exit_code, phases(ran.json)) == (0, phases(before))


def damaged_last_day(mutation: str) -> dict[str, Any]:
    """A mode that runs the last day again on damaged input, and then on the true one."""
    again = {"from": "end-1", "to": "end"}
    return {"phases": [{"from": "start", "to": "end"}, {**again, "mutation": mutation}, again]}


NOBODY, EARLY = "vessel = 'nobody'", "DATE(seen) < '2024-01-03'"
MUTATIONS = {
    "touches_nothing": {"drop_rows": {"source": "visits", "where": NOBODY}},
    "touches_what_no_phase_reads": {"drop_rows": {"source": "visits", "where": EARLY}},
    "writes_what_was_there": {
        "set_values": {"source": "visits", "column": "vessel", "value": "v1", "where": "vessel = 'v1'"}
    },
    "reaches_no_output": {"shift_timestamps": {"source": "visits", "column": "seen", "seconds": 60}},
    "leaves_a_mark": {"drop_rows": {"source": "visits", "where": "vessel = 'v2'"}},
}
UNTOUCHED = "the mutation touched no row that a mutated phase reads ([2024-01-06, 2024-01-09))"
UNMARKED = "the damaged input changed nothing in this output: before the recovery it equals the reference already"
OTHER_ROWS = "choose a condition other than {!r} that is true of rows of visits there"


def test_trap_23_a_mutation_that_could_not_show_anything_is_not_exercised(finished: Finished) -> None:
    """Trap 23: rows untouched, unread, unchanged or without effect would pass, and prove nothing: exit code 3."""
    modes = {name: damaged_last_day(name) for name in MUTATIONS}
    finished.bench.declare(mutations=MUTATIONS, modes=modes)
    try:
        ran = finished.bench.run("bf", *modes)
    finally:
        finished.bench.declare()

    told = {one["right"]: (one["verdict"], one["reason"]) for one in ran.json["comparisons"]}
    assert ran.exit_code == 3
    assert told == {
        "touches_nothing": ("NOT_EXERCISED", f"{UNTOUCHED} at all: {OTHER_ROWS.format(NOBODY)}"),
        "touches_what_no_phase_reads": (
            "NOT_EXERCISED",
            f"{UNTOUCHED}, but rows of 2024-01-01, 2024-01-02: {OTHER_ROWS.format(EARLY)}",
        ),
        "writes_what_was_there": (
            "NOT_EXERCISED",
            f"{UNTOUCHED} at all: choose rows of visits there whose vessel is another value, and matters",
        ),
        "reaches_no_output": (
            "NOT_EXERCISED",
            f"{UNMARKED}; choose rows of visits there, or more seconds, so that a moved seen matters",
        ),
        "leaves_a_mark": ("IDENTICAL", ""),
    }


def test_trap_23_an_outage_that_no_phase_looks_back_to_is_not_exercised(finished: Finished) -> None:
    """Trap 23: a pipeline that reads nothing before its window never sees that the days before were missing."""
    finished.bench.declare(reads_back=None)
    try:
        ran = finished.bench.run("bf", "outage_recovery")
    finally:
        finished.bench.declare()

    reason = ran.comparison("outage_recovery")["reason"]
    assert (ran.exit_code, ran.executed, ran.verdicts) == (3, 0, {"outage_recovery": "NOT_EXERCISED"})
    assert "the outage [2024-01-05, 2024-01-07) took rows away" in reason
    assert "a reads_back that is larger by 1;" in reason


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(date(2023, 1, 1), date(2023, 2, 1), id="another year"),
        pytest.param(date(2024, 1, 1), date(2024, 2, 1), id="a tail without rows"),
    ],
)
def test_trap_26_a_window_without_source_rows_is_refused(finished: Finished, start: date, end: date) -> None:
    """Trap 26: rows are counted per window before anything is spent; the registry has no row of the run."""
    before = len(finished.bench.events("run_planned"))

    with pytest.raises(BadSource, match=r"visits has no rows in \[.*; choose --start and --end where there is data"):
        finished.bench.run("bf", "bfd", start=start, end=end)

    assert len(finished.bench.events("run_planned")) == before


def test_trap_26_an_empty_source_is_refused(bench: Bench) -> None:
    """Trap 26: a source without a day column cannot be counted by window; without any row it is refused as well."""
    bench.query(f"CREATE TABLE `{bench.source}.ports` (port STRING)")
    bench.declare(sources={**bench.declaration["sources"], "ports": {"table": f"{bench.source}.ports"}})

    with pytest.raises(BadSource, match=r"source 'ports': .* is empty"):
        bench.run("bf", "repeat")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param({"table": "nowhere.visits"}, "there is no table .*nowhere.visits; load it", id="no such table"),
        pytest.param({"table": "{source}.looks"}, "is a view, which cannot be pinned", id="a view"),
    ],
)
def test_trap_29_a_source_that_cannot_be_pinned_is_refused(
    finished: Finished, source: dict[str, Any], said: str
) -> None:
    """Trap 29: every mode reads the same pin, or nothing runs."""
    bench = finished.bench
    bench.query(f"CREATE OR REPLACE VIEW `{bench.source}.looks` AS SELECT * FROM `{bench.source}.visits`")
    bench.declare(sources={"visits": {"table": source["table"].format(source=bench.source), "day": "seen"}})
    try:
        with pytest.raises(BadSource, match=said):
            bench.run("bf", "repeat")
    finally:
        bench.declare()


def test_trap_29_a_source_that_changes_without_a_trace_is_refused(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 29: an external table's files change, and its etag does not. The local cloud has none: its kind is given."""
    facts = BigQueryWarehouse.facts

    def external(warehouse: BigQueryWarehouse, names: Sequence[TableName]) -> dict[TableName, TableFacts]:
        found = facts(warehouse, names)
        return {name: replace(one, kind="OTHER") if name.table == "visits" else one for name, one in found.items()}

    monkeypatch.setattr(BigQueryWarehouse, "facts", external)
    with pytest.raises(BadSource, match="neither a table nor a snapshot, so that what it holds can change"):
        finished.bench.run("bf", "repeat")


def test_trap_27_a_data_set_that_cannot_show_a_boundary_bug_is_not_exercised(finished: Finished) -> None:
    """Trap 27: no row reaches over a slice boundary, so the modes could hardly have differed: exit code 3."""
    outputs = {"daily": {"keys": ["day", "vessel"], "day": "day", "span": {"start": "day", "end": "day"}}}
    finished.bench.declare(outputs=outputs)
    try:
        ran = finished.bench.run("bf", "bfd")
    finally:
        finished.bench.declare()

    assert (ran.exit_code, ran.executed, ran.verdicts) == (3, 0, {"bfd": "NOT_EXERCISED"})
    assert "no row of daily spans a slice boundary" in ran.comparison("bfd")["reason"]


def test_trap_39_two_commits_of_one_experiment_share_no_name(finished: Finished) -> None:
    """Trap 39: what a run makes is found by experiment and commit, and no two phases write the same table."""
    bench, commit = finished.bench, finished.ran.json["commit"]
    made = [name for name in bench.tables() if name.endswith("__daily")]

    assert len(made) == len(set(made)) >= 14
    assert set(bench.tables(f"bench_{commit}_")) == set(bench.tables())


def test_trap_37_a_reuse_is_recorded_as_a_consumer(finished: Finished) -> None:
    """Trap 37: who reads a state can be told before it is dropped; a reuse never writes a result."""
    committed = len(finished.bench.events("committed"))

    again = finished.bench.run("bf", "repeat")

    consumed = [event for event in finished.bench.events("reused") if event.run_id == again.json["run_id"]]
    results = {event.payload["prefix"] for event in finished.bench.events("committed")}
    assert len(consumed) == 2
    assert {event.payload["prefix"] for event in consumed} <= results
    assert len(finished.bench.events("committed")) == committed


def test_trap_34_an_amended_message_keeps_every_state(finished: Finished) -> None:
    """Trap 34: another commit of the same tree re-runs nothing."""
    bench = finished.bench
    bench.repository.git("commit", "--quiet", "--amend", "--message", "said differently")

    amended = bench.explain("bf", "bfd", commit="HEAD")

    assert amended["commit"] != finished.ran.json["commit"]
    assert set(decisions(amended).values()) == {"reuse"}


def test_an_output_that_is_declared_later_is_not_passed_over(finished: Finished) -> None:
    """The states that stand do not hold it: an error that says what to do, and not a pass of the others."""
    outputs = {**finished.bench.declaration["outputs"], "weekly": {}}
    finished.bench.declare(outputs=outputs)
    try:
        ran = finished.bench.run("bf", "bfd")
    finally:
        finished.bench.declare()

    assert (ran.exit_code, ran.verdicts) == (4, {"daily.bfd": "IDENTICAL", "weekly.bfd": "ERROR"})
    assert "run with --force" in ran.json["comparisons"][1]["reason"]


def test_trap_38_a_changed_step_is_not_reused(finished: Finished) -> None:
    """Trap 38: another argument, another environment: whatever reaches the program."""
    [step] = finished.bench.declaration["steps"]
    finished.bench.declare(steps=[{**step, "environment": {"MODE": "fast"}}])
    try:
        expected = finished.bench.explain("bf", "repeat")
    finally:
        finished.bench.declare()

    assert {tuple(phase["reasons"]) for phase in all_phases(expected)} == {("steps: the declared steps changed",)}
