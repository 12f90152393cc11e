"""What a run's commit does to the data, against another of which nothing is run for it."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster import api
from dit_dagster.errors import UsageError
from dit_dagster.evidence.html import run_page
from dit_dagster.evidence.markdown import markdown
from dit_dagster_tests.scenarios.bench import GOOD, WHERE, Bench, Ran, sql

A_VESSEL_LOST = sql(where=f"{WHERE} AND vessel <> 'v2'")


def told(ran: Ran) -> dict[str, str]:
    """The verdict of each mode against the other commit."""
    return {one["mode"]: one["verdict"] for one in ran.json["against"]["comparisons"]}


def test_a_change_is_told_and_never_fails(bench: Bench) -> None:
    """In every mode, with what differs; the run itself is judged by its own modes."""
    bench.commit(A_VESSEL_LOST, "lossy")
    bench.run("bf", "bfd")

    ran = bench.run("bf", "bfd", commit="lossy", against="good")
    page, comment = run_page(ran.json), markdown(ran.json)

    assert told(ran) == {"bf": "DIFFERENT", "bfd": "DIFFERENT"}
    assert (ran.verdicts, ran.exit_code) == ({"bfd": "IDENTICAL"}, 0)
    assert {one["explanation"]["only_left"] for one in ran.json["against"]["comparisons"]} == {8}
    assert "What the change does" in page
    assert "| `daily` | `bf, bfd` | **DIFFERENT** | 8 |" in comment


def test_equal_data_of_other_code_is_identical_and_equal_code_unchanged(bench: Bench) -> None:
    """Which are not the same: the second compares nothing."""
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")
    bench.run("bf")

    assert told(bench.run("bf", commit="refactored", against="good")) == {"bf": "IDENTICAL"}
    assert told(bench.run("bf", commit="refactored", against="refactored")) == {"bf": "UNCHANGED"}


def test_what_is_not_known_is_skipped_and_nothing_is_run(bench: Bench) -> None:
    """A commit that never ran, and a mode that did not."""
    bench.commit(A_VESSEL_LOST, "lossy")

    nothing = bench.run("bf", commit="lossy", against="good")
    bench.run("bf")
    some = bench.run("bf", "bfd", commit="lossy", against="good")

    assert (told(nothing), nothing.executed) == ({"bf": "SKIPPED"}, 1)
    assert "nothing is known of" in nothing.json["against"]["comparisons"][0]["reason"]
    assert told(some) == {"bf": "DIFFERENT", "bfd": "SKIPPED"}


def test_a_run_that_takes_nothing_over_is_held_against_what_is_known(bench: Bench) -> None:
    """That its own phases all run says nothing of the other commit's states."""
    bench.commit(A_VESSEL_LOST, "lossy")
    bench.run("bf")

    assert told(bench.run("bf", commit="lossy", against="good", resume="never")) == {"bf": "DIFFERENT"}


def test_other_sources_are_another_input(bench: Bench) -> None:
    """What the other commit made of them before says nothing of this run."""
    bench.commit(A_VESSEL_LOST, "lossy")
    bench.run("bf")
    bench.load()

    assert told(bench.run("bf", commit="lossy", against="good")) == {"bf": "SKIPPED"}


def test_a_folder_that_is_run_as_it_lies_is_held_against_nothing(bench: Bench) -> None:
    """It stands for every commit that is asked for: the other one would be unchanged, whatever was edited."""
    with pytest.raises(UsageError, match="leave out --against"):
        api.run("visits", settings=bench.settings, modes=["bf"], editable=bench.repository.path, against="good")
    assert bench.events("run_planned") == []


@pytest.mark.parametrize("ref", ["no-such-branch", "--upload-pack=true"])
def test_a_ref_that_is_none_is_refused_before_anything_is_done(bench: Bench, ref: str) -> None:
    """As with --commit."""
    options: dict[str, Any] = {"against": ref}
    with pytest.raises(UsageError):
        bench.run("bf", **options)
    assert bench.events("run_planned") == []
