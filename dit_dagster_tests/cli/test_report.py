"""The page of a run, from the command that made it and from the registry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.cli.show import brief_command
from dit_dagster.evidence.html import run_page
from dit_dagster_tests.cli.conftest import Dit, Said
from dit_dagster_tests.evidence.test_schema import of_report, wrong
from dit_dagster_tests.scenarios.bench import APPENDING, Bench

MODES = ("--modes", "bf,bftruncate", "--tail", "1", "--lookback", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A run that fails, its report, and where its page was asked for."""

    said: Said
    json: dict[str, Any]
    page: Path


@pytest.fixture(scope="module")
def appending(bench: Bench) -> str:
    return bench.commit(APPENDING, "appending")


@pytest.fixture
def told(dit: Dit, appending: str, tmp_path: Path) -> Told:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html")}
    options = [word for kind, file in files.items() for word in (f"--{kind}", str(file))]
    said = dit("run", "visits", "--commit", appending, *MODES, *options)
    return Told(said=said, json=json.loads(files["json"].read_text()), page=files["html"])


def test_the_report_of_a_run_fits_the_published_schema(told: Told) -> None:
    """Every field is described, and is what it is described to be."""
    assert (told.said.code, wrong(of_report(), told.json)) == (1, [])


def test_a_run_says_where_its_page_is(bench: Bench, told: Told) -> None:
    """In its last line; and one is kept beside the logs whether it is asked for or not."""
    kept = bench.settings.directory / "reports" / f"{told.json['run_id']}.html"

    assert told.said.out.splitlines()[-1] == f"report: {told.page}"
    assert told.page.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8") == run_page(told.json)
    assert "daily differs between modes." in told.page.read_text(encoding="utf-8")


def test_a_recorded_run_has_the_same_page(dit: Dit, told: Told, tmp_path: Path) -> None:
    """On any machine, from the registry alone."""
    again = tmp_path / "again.html"

    ended = dit("show", told.json["run_id"], "--html", str(again))

    assert (ended.code, again.read_text(encoding="utf-8")) == (0, told.page.read_text(encoding="utf-8"))


def test_a_page_that_cannot_be_written_is_noticed_before_anything_runs(dit: Dit, bench: Bench, tmp_path: Path) -> None:
    """Wrong usage, as with --json."""
    before = len(bench.events("run_planned"))

    ended = dit("run", "visits", "--html", str(tmp_path / "nowhere" / "a.html"))

    assert (ended.code, "--html" in ended.err, len(bench.events("run_planned"))) == (2, True, before)


def test_a_disk_that_takes_no_page_takes_no_verdict_away(dit: Dit, bench: Bench) -> None:
    """The exit code is the verdict's; what went wrong is said on stderr."""
    home = bench.settings.directory
    kept = home / "reports"
    aside = home / "reports_aside"
    if kept.exists():
        kept.rename(aside)
    kept.write_text("a file where a folder should be")
    try:
        ended = dit("run", "visits", "--commit", "good", "--modes", "bf,repeat")
    finally:
        kept.unlink()
        if aside.exists():
            aside.rename(kept)

    assert (ended.code, "the report could not be written" in ended.err, "PASS" in ended.out) == (0, True, True)


@pytest.mark.parametrize(
    ("command", "brief"),
    [
        ("/a/b/bin/flight-gaps daily --start 2013-03-08", "flight-gaps daily --start 2013-03-08"),
        ("bin/x --to p.d.a_very_long_name_of_an_experiment__table", "x --to …ong_name_of_an_experiment__table"),
        ("bin/x --labels dit_run=1 --labels dit_experiment=2 --labels team=3 -v", "x --labels team=3 -v"),
    ],
)
def test_a_command_is_shown_to_be_recognised(command: str, brief: str) -> None:
    """Without its path, the beginnings of long names, and the labels that every job gets."""
    assert brief_command(command) == brief
