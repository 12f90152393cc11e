"""`dit bisect`: the first commit at which a verdict turns, or a column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import GOOD, Bench, sql

SHORT = ("--start", "2024-01-01", "--end", "2024-01-05", "--tail", "1", "--lookback", "1")
TWICE = sql(count="2 * COUNT(*)")


@pytest.fixture(scope="module")
def history(bench: Bench) -> dict[str, str]:
    """64 commits after a good one: counts are doubled in the 23rd, rows are appended from the 40th on, over a merge."""
    repository, made = bench.repository, {}
    made["start"] = bench.commit(GOOD)
    for number in range(1, 64):
        if number == 30:
            repository.git("checkout", "--quiet", "-b", "side", "HEAD~3")
            repository.commit({"NOTES.md": "from the side\n"})
            repository.git("checkout", "--quiet", "main")
            repository.git("merge", "--quiet", "--no-edit", "side")
        twice, appending = number >= 23, number >= 40
        script = sql(count="2 * COUNT(*)" if twice else "COUNT(*)", **({"delete": ""} if appending else {}))
        made[str(number)] = bench.commit(f"{script}\n-- {number}\n")
    return made


def described(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def test_the_commit_is_found_at_which_a_verdict_turns(dit: Dit, history: dict[str, str], tmp_path: Path) -> None:
    """At most eight experiments, the two ends among them; asked again, none."""
    files = [tmp_path / name for name in ("cold.json", "warm.json")]
    ends = ("--good", history["start"], "--bad", history["63"], "--pair", "bf,bftruncate")

    said = [dit("bisect", "visits", *ends, *SHORT, "--json", str(file)) for file in files]

    cold, warm = (described(file) for file in files)
    assert [one.code for one in said] == [0, 0], said
    assert [one["first_bad"] for one in (cold, warm)] == [history["40"]] * 2
    assert cold["experiments"] <= 8
    assert warm["experiments"] == 0
    assert f"first bad commit: {history['40']}" in said[0].out
    assert "DIFFERENT" in said[0].out


def test_the_commit_is_found_at_which_a_column_changes(dit: Dit, history: dict[str, str], tmp_path: Path) -> None:
    """Modes agree with each other there: only the good commit's table shows it."""
    file = tmp_path / "column.json"
    ends = ("--good", history["start"], "--bad", history["39"], "--column", "visits")

    said = dit("bisect", "visits", *ends, *SHORT, "--json", str(file))

    assert said.code == 0, said
    found = described(file)
    assert found["first_bad"] == history["23"]
    assert found["experiments"] <= 8
    assert "rows differ in visits" in said.out


def test_a_column_that_there_is_not_is_named(dit: Dit, history: dict[str, str]) -> None:
    """Known once the good commit has run: then it is a wrong question, and not an answer."""
    ends = ("--good", history["start"], "--bad", history["39"])
    said = dit("bisect", "visits", *ends, "--column", "visit", *SHORT)

    assert (said.code, "no column 'visit' in daily; there are day, vessel, visits" in said.err) == (2, True), said


def test_an_end_that_is_not_bad_is_inconclusive(dit: Dit, history: dict[str, str]) -> None:
    """Nothing is found where nothing turned."""
    said = dit("bisect", "visits", "--good", history["start"], "--bad", history["1"], "--pair", "bf,bftruncate", *SHORT)

    assert (said.code, "not found: " in said.out) == (3, True), said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "give a pair of modes", id="nothing to look for"),
        pytest.param(("--pair", "bf"), "write two modes", id="one mode"),
        pytest.param(("--pair", "bf,nowhere"), "unknown mode", id="unknown mode"),
        pytest.param(("--pair", "bfd,bftruncate"), "they are not compared", id="not compared"),
        pytest.param(("--pair", "bf,bfd", "--column", "visits"), "give a pair of modes", id="both"),
        pytest.param(("--pair", "bf,bfd", "--output", "nowhere"), "unknown output", id="unknown output"),
        pytest.param(("--column", "visits", "--mode", "nowhere"), "unknown mode", id="unknown mode of a column"),
    ],
)
def test_wrong_questions_are_refused(
    dit: Dit, history: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    """Before anything runs."""
    said = dit("bisect", "visits", "--good", history["start"], "--bad", history["63"], *arguments)

    assert (said.code, message in said.err) == (2, True), said


def test_exchanged_ends_are_refused(dit: Dit, history: dict[str, str]) -> None:
    """The good commit comes first."""
    said = dit("bisect", "visits", "--good", history["63"], "--bad", history["start"], "--pair", "bf,bfd")

    assert (said.code, "does not build on" in said.err) == (2, True), said
