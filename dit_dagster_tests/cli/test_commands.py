"""The commands on one small pipeline, from the first run to what is shown of it afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import APPENDING, Bench, phases

SHORT = ("--tail", "1", "--lookback", "1")


@pytest.fixture
def report(dit: Dit, tmp_path: Path) -> dict[str, Any]:
    """What `dit run --json` wrote of a small run."""
    file = tmp_path / "report.json"
    ended = dit("run", "visits", "--commit", "good", "--modes", "bf,repeat", "--json", str(file))
    assert ended.code == 0, ended.err
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def test_a_run_writes_its_report_and_shows_the_matrix(dit: Dit, report: dict[str, Any]) -> None:
    """The same that `dit show` finds in the registry."""
    shown = dit("show", report["run_id"], "--json")
    for_people = dit("show", report["run_id"])

    assert json.loads(shown.out) == report
    assert all(word in for_people.out for word in ("IDENTICAL", "PASS", "bf ~ repeat", report["run_id"]))


def test_explain_says_what_the_next_run_does(dit: Dit, report: dict[str, Any]) -> None:
    """Phase by phase, with the fingerprints that the run had."""
    explained = json.loads(dit("explain", "visits", "--commit", "good", "--modes", "bf,repeat", "--json").out)

    fingerprints = [[name for name, _, _ in path] for path in phases(report).values()]
    assert [[name for name, _, _ in path] for path in phases(explained).values()] == fingerprints
    assert {decision for path in phases(explained).values() for _, decision, _ in path} == {"reuse"}


def test_plan_says_nothing_of_what_is_known(dit: Dit) -> None:
    """It is the same before and after a run."""
    planned = json.loads(dit("plan", "visits", "--commit", "good", "--modes", "bf,bfd", *SHORT, "--json").out)

    assert planned["invocations"] == {"naive": 3, "planned": 3}
    assert not any("decision" in phase for mode in planned["modes"] for phase in mode["phases"])


def test_a_recorded_run_can_be_repeated(dit: Dit, report: dict[str, Any], tmp_path: Path) -> None:
    """With the commit, the modes, the window, T and W that it had."""
    again = tmp_path / "again.json"

    ended = dit("run", "visits", "--like", report["run_id"], "--json", str(again))

    repeated = json.loads(again.read_text())
    assert (ended.code, repeated["invocations"]["reused"]) == (0, 2)
    assert [repeated[name] for name in ("commit", "window", "tail")] == [
        report[name] for name in ("commit", "window", "tail")
    ]
    assert repeated["run_id"] != report["run_id"]


def test_runs_lists_who_ran_what(dit: Dit, report: dict[str, Any]) -> None:
    """Newest first, with the outcome."""
    newest = json.loads(dit("runs", "visits", "--json").out)[0]

    assert (newest["run_id"], newest["outcome"], newest["commit"]) == (report["run_id"], "pass", report["commit"])


def test_list_tells_pipelines_modes_and_commits(dit: Dit, bench: Bench) -> None:
    """With full commit ids, to be copied."""
    [entry] = [one for one in json.loads(dit("list", "--json").out) if one["pipeline"] == "visits"]

    assert {"ref": "good", "commit": bench.repository.git("rev-parse", "good")} in entry["commits"]
    assert list(entry["modes"]) == ["bf", "bfd", "bftruncate", "mutate_recover", "outage_recovery", "repeat"]


def test_a_failed_verdict_exits_with_one_and_shows_why(dit: Dit, bench: Bench) -> None:
    """The samples name keys and values; the logs of its phases can be read."""
    bench.commit(APPENDING, "appending")

    ended = dit("run", "visits", "--commit", "appending", "--modes", "bf,bftruncate", *SHORT)
    run_id = bench.events("run_planned")[-1].run_id
    logs = dit("logs", run_id, "--phase", "1")

    assert (ended.code, "DIFFERENT" in ended.out, "by multiplicity" in ended.out) == (1, True, True)
    assert (logs.code, "job.py" in logs.out, "exit 0 after" in logs.out) == (0, True, True)


def test_a_failed_phase_exits_with_four_and_says_why(dit: Dit, bench: Bench) -> None:
    """The step's last words and the log's path are in the output."""
    bench.commit("SELECT 1 / 0", "broken")

    ended = dit("run", "visits", "--commit", "broken", "--modes", "bf,repeat")

    assert ended.code == 4
    assert "division by zero" in ended.out
    assert ".log" in ended.out


def test_an_inconclusive_run_exits_with_three(dit: Dit) -> None:
    """One mode alone is compared with nothing."""
    ended = dit("run", "visits", "--commit", "good", "--modes", "bf")

    assert (ended.code, "NOT_COMPARED" in ended.out) == (3, True)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("local", "--help"), ("demo", "--help")])
def test_every_command_explains_itself(dit: Dit, arguments: tuple[str, ...]) -> None:
    """On stdout, with exit code 0."""
    ended = dit(*arguments)

    assert (ended.code, "Usage" in ended.out, ended.err) == (0, True, "")


def test_doctor_names_what_this_machine_has(dit: Dit) -> None:
    """One line per thing that is needed."""
    ended = dit("doctor")

    assert [name for name in ("Python", "git", "uv", "local cloud") if name not in ended.out] == []
