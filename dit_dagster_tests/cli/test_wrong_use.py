"""Bad input: one clear line on stderr with the remedy, exit code 2, and nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import Bench

WRONG = [
    pytest.param(["run", "visit"], "unknown pipeline 'visit'; there are encounters, ", id="unknown pipeline"),
    pytest.param(
        ["run", "visits", "--modes", "bf,bdf"], "unknown mode 'bdf' in --modes; visits has bf, bfd,", id="unknown mode"
    ),
    pytest.param(["run", "visits", "--modes", "bf, bf"], "mode 'bf' stands twice in --modes", id="a mode twice"),
    pytest.param(["run", "visits", "--modes", "BF"], "unknown mode 'BF'", id="a mode in capitals"),
    pytest.param(["run", "visits", "--modes", ""], "unknown mode ''", id="no mode"),
    pytest.param(["run", "visits", "--commit", "v9"], "no commit 'v9' in", id="unknown commit"),
    pytest.param(["run", "visits", "--commit", "0" * 40], "no commit '000", id="unknown full id"),
    pytest.param(
        ["run", "visits", "--commit=--all"], "'--all' is not a git ref; give a branch", id="an option as commit"
    ),
    pytest.param(["run", "visits", "--tail", "0"], "--tail 0: the tail must be at least 1", id="no tail"),
    pytest.param(
        ["run", "visits", "--tail", "8"], "--tail 8: the tail must be at least 1 and less than", id="all tail"
    ),
    pytest.param(["run", "visits", "--tail", "-1"], "--tail -1: the tail must be", id="a negative tail"),
    pytest.param(
        ["run", "visits", "--lookback", "0"], "--lookback 0: a daily run covers at least 1 day", id="no lookback"
    ),
    pytest.param(["run", "visits", "--lookback", "8"], "--tail 2 --lookback 8: the first daily run", id="too far back"),
    pytest.param(
        ["run", "visits", "--start", "2024-01-08", "--end", "2024-01-01"],
        "the window [2024-01-08, 2024-01-01) is empty; --end must be after --start",
        id="end before start",
    ),
    pytest.param(["run", "visits", "--start", "2024-01-09"], "is empty; --end must be after --start", id="no window"),
    pytest.param(["run", "visits", "--start", "yesterday"], "Invalid value for '--start'", id="no date"),
    pytest.param(["run", "visits", "--end", "2024-02-01"], "has no rows in [", id="a window without rows"),
    pytest.param(["run", "visits", "--jobs", "0"], "--jobs 0: at least one phase must be allowed", id="no job"),
    pytest.param(
        ["run", "visits", "--experiment-id", "My-Run"], "'My-Run' is not an experiment id; use up to 40", id="a bad id"
    ),
    pytest.param(
        ["run", "visits", "--like", "20240101-000000-abcdef"], "no run '20240101-000000-abcdef'", id="no such run"
    ),
    pytest.param(
        ["run", "visits", "--json", "/no/such/folder/a.json"], "not a file in a folder that exists", id="no folder"
    ),
    pytest.param(["run", "visits", "--json", "/"], "--json /: not a file", id="a folder as report"),
    pytest.param(["run", "visits", "--tail", "four"], "Invalid value for '--tail'", id="a word as number"),
    pytest.param(["run", "visits", "--mode", "bf"], "No such option: --mode", id="a misspelled option"),
    pytest.param(["run", "visits", "--resume", "maybe"], "--resume maybe: choose never, if-possible", id="no resume"),
    pytest.param(["run", "visits", "--from-phase", "bf"], "--from-phase bf: write MODE:N", id="no phase"),
    pytest.param(["run", "visits", "--from-phase", "bf:2"], "--from-phase bf:2: bf has 1 phases", id="too far"),
    pytest.param(["explain", "visits", "--from-phase", "repeat:1"], "mode 'repeat' is not run", id="not a mode of it"),
    pytest.param(["run", "visits", "--force", "--resume", "always"], "contradict one another", id="both"),
    pytest.param(["run", "visits", "--resume", "always"], "would run from nothing (never ran", id="nothing to resume"),
    pytest.param(["run", "visits", "--golden"], "visits has no golden state; 'dit golden set", id="no golden state"),
    pytest.param(["golden", "unset", "visits"], "visits has no golden state", id="nothing to unset"),
    pytest.param(["golden", "set", "visits", "--commit", "good"], "has no state of mode bf at", id="never ran"),
    pytest.param(["run", "visits", "--max-bytes", "10"], "--max-bytes 10: ", id="more bytes than allowed"),
    pytest.param(["run", "visits", "--max-bytes", "-1"], "Invalid value for '--max-bytes'", id="a negative limit"),
    pytest.param(["costs", "visits", "--month", "May"], "--month May: write YYYY-MM", id="no month"),
    pytest.param(["costs", "visit"], "unknown pipeline 'visit'", id="costs of an unknown pipeline"),
    pytest.param(["run"], "Missing argument 'PIPELINE'", id="no pipeline"),
    pytest.param(["rnu", "visits"], "No such command 'rnu'", id="a misspelled command"),
    pytest.param(["explain", "visits", "--modes", "x"], "unknown mode 'x'", id="explain"),
    pytest.param(["plan", "visits", "--commit", "v9"], "no commit 'v9'", id="plan"),
    pytest.param(["show", "nothing"], "no run 'nothing' in the registry; 'dit runs' lists", id="show"),
    pytest.param(["show", "../../etc/passwd"], "is not a run id", id="show a path"),
    pytest.param(["logs", "nothing"], "no log of run nothing on this machine", id="logs"),
    pytest.param(["runs", "visit"], "unknown pipeline 'visit'", id="runs"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_wrong_use_is_one_line_and_nothing_is_written(
    dit: Dit, bench: Bench, arguments: list[str], said: str
) -> None:
    """No table is made, and the registry has no row of it."""
    ended = dit(*arguments)

    assert said in ended.err
    assert (ended.code, ended.err.count("\n"), ended.out) == (2, 1, "")
    assert ended.err.startswith("dit: ")
    assert (bench.tables(), bench.events("run_planned")) == ([], [])


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        pytest.param("DIT_JOBS", "many", "DIT_JOBS: Input should be a valid integer", id="no number"),
        pytest.param("DIT_WAREHOUSE", "duckdb", "DIT_WAREHOUSE: Input should be 'local' or 'bigquery'", id="warehouse"),
        pytest.param("DIT_EXPERIMENT_ID", "a-b", "'a-b' is not an experiment id", id="experiment"),
        pytest.param("DIT_DEST_DATASET", "a.b", "is not a dataset; write project.dataset", id="dataset"),
    ],
)
def test_a_wrong_variable_is_named(
    dit: Dit, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """What is set around the command is checked like what is written on it."""
    monkeypatch.setenv(variable, value)

    ended = dit("run", "visits")

    assert said in ended.err
    assert (ended.code, ended.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"colour": "red"}, "colour: unknown field; allowed: ", id="an unknown field"),
        pytest.param({"repository": "/tmp"}, "/tmp is not a git repository; correct `repository`", id="no repository"),
        pytest.param(
            {"sources": {"visits": {"table": "no.such", "day": "d"}}},
            "there is no table ditlocal.no.such",
            id="no source",
        ),
    ],
)
def test_a_wrong_declaration_is_named(dit: Dit, bench: Bench, change: dict[str, object], said: str) -> None:
    """The file, the field, and what to do."""
    assert bench.settings.pipelines is not None
    file = bench.settings.pipelines / "visits" / "defs.yaml"
    right = file.read_text(encoding="utf-8")
    document = yaml.safe_load(right)
    document["attributes"] |= change
    file.write_text(yaml.safe_dump(document), encoding="utf-8")

    ended = dit("run", "visits")
    file.write_text(right, encoding="utf-8")

    assert said in ended.err
    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_a_machine_without_uv_or_git_is_told_so(dit: Dit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))

    ended = dit("run", "visits")

    assert (ended.code, ended.err) == (2, "dit: git is not on PATH; install it ('dit doctor' tells how)\n")


def test_a_broken_installation_is_no_verdict(tmp_path: Path) -> None:
    """Python exits with 1 on an error, which says here that a verdict failed."""
    (tmp_path / "typer.py").write_text("raise ImportError('half installed')\n")
    command = [sys.executable, "-c", "from dit_dagster.cli import main; main()", "list"]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, "half installed" in ended.stderr) == (4, True)
