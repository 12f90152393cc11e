"""`dit ci` and the files that CI reads; refs of any name, as data."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import Bench

HOSTILE = (
    *("--upload-pack=touch pwned", "-x", "$(touch pwned)", "`touch pwned`", ";touch pwned", "../..", "a\nb", "a'b\"c"),
    *("ünïcödé\u202e", "x" * 10_000, "HEAD^{/x}", "refs/../../x", " ", "@{-1}:x", "a\0b"),
)


def of_command(command: str, ref: str) -> list[str]:
    if command == "diff":
        return ["diff", "visits", f"--binding=one={ref}", "--binding=two=good"]
    return [command, "visits", f"--commit={ref}"]


@pytest.mark.parametrize("command", ["run", "ci", "explain", "diff"])
@pytest.mark.parametrize("ref", HOSTILE, ids=lambda ref: repr(ref[:12]))
def test_a_ref_of_any_name_is_data(
    dit: Dit, bench: Bench, command: str, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused in one line before anything happens; no option, no command, no path."""
    monkeypatch.chdir(tmp_path)

    said = dit(*of_command(command, ref))

    assert (said.code, len(said.err.splitlines()), len(said.err) < 600) == (2, 1, True)
    assert not [*tmp_path.rglob("pwned"), *bench.repository.path.rglob("pwned")]


def test_the_files_say_what_the_exit_code_says(dit: Dit, tmp_path: Path) -> None:
    """A single mode is not compared: inconclusive, which is an error in JUnit and no skipped test."""
    junit, summary = tmp_path / "j.xml", tmp_path / "m.md"

    said = dit("run", "visits", "--commit=good", "--modes=bf", f"--junit={junit}", f"--markdown={summary}")

    tags = {element.tag for element in ET.fromstring(junit.read_bytes()).iter()}
    assert (said.code, "error" in tags, "skipped" in tags) == (3, True, False)
    assert summary.read_text(encoding="utf-8").startswith("### ? visits: INCONCLUSIVE")


def test_a_file_that_cannot_be_written_is_noticed_first(dit: Dit, tmp_path: Path) -> None:
    """Before a run, whose verdict would have nowhere to go."""
    said = dit("ci", "visits", "--commit=good", f"--junit={tmp_path / 'nowhere' / 'j.xml'}")

    assert (said.code, "--junit" in said.err) == (2, True)


def test_ci_registers_the_commit_runs_the_job_and_ends_with_its_verdict(dit: Dit, tmp_path: Path) -> None:
    """In a Dagster home of its own, if there is none; the verdict is the registry's."""
    junit, summary, report = tmp_path / "j.xml", tmp_path / "m.md", tmp_path / "r.json"

    said = dit("ci", "visits", "--commit=good", f"--junit={junit}", f"--markdown={summary}", f"--json={report}")

    found = ET.fromstring(junit.read_bytes())
    assert (said.code, found.get("failures"), found.get("errors")) == (0, "0", "0")
    assert summary.read_text(encoding="utf-8").startswith("### ✓ visits: PASS")
    assert report.exists()
