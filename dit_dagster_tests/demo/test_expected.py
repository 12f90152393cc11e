"""expected.yaml says something about everything, and what it says is what the sample was made for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dit_dagster.demo.history import EXPECTED, HISTORY
from dit_dagster.model.verdict import CauseName

DOCUMENT: dict[str, Any] = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
TAGS = [revision.tag for revision in HISTORY]
GOOD = ["v1", "v1-refactored", "v2-changed"]
SHOWN = ["bug-lost-at-boundary", "bug-append-only", "bug-last-day"]
WINDOWS = {tag: ["short", *(["full"] if tag in GOOD else []), *(["brief"] if tag in SHOWN else [])] for tag in TAGS}
OUTPUTS = ["gaps", "daily"]
ALL_MODES = ["bfd", "bftruncate", "mutate_recover", "outage_recovery", "repeat"]
MODES = {"short": ALL_MODES, "full": ALL_MODES, "brief": ["bfd", "bftruncate"]}
WITH_DAILIES = ["bfd", "bftruncate", "mutate_recover"]

CELLS = [
    pytest.param(DOCUMENT["commits"][tag][window][output][mode], id=f"{tag}-{window}-{output}-{mode}")
    for tag in TAGS
    for window in WINDOWS[tag]
    for output in OUTPUTS
    for mode in MODES[window]
]


def name_of(cell: Any) -> str:
    """The verdict of a cell, short or long form."""
    return str(cell["verdict"] if isinstance(cell, dict) else cell)


def not_identical(tag: str, window: str = "short") -> set[tuple[str, str, str]]:
    return {
        (output, mode, name_of(DOCUMENT["commits"][tag][window][output][mode]))
        for output in OUTPUTS
        for mode in MODES[window]
        if name_of(DOCUMENT["commits"][tag][window][output][mode]) != "IDENTICAL"
    }


def test_it_covers_every_commit_window_output_and_mode() -> None:
    """And nothing else: a misspelled mode would never be looked at."""
    assert list(DOCUMENT["commits"]) == TAGS
    assert list(DOCUMENT["windows"]) == ["short", "brief", "full"]
    for tag in TAGS:
        assert list(DOCUMENT["commits"][tag]) == WINDOWS[tag]
        for window, found in DOCUMENT["commits"][tag].items():
            assert set(found) == {*OUTPUTS, "bf_against_v1"}
            assert set(found["bf_against_v1"]) == set(OUTPUTS)
            assert [list(found[output]) for output in OUTPUTS] == [MODES[window]] * 2


@pytest.mark.parametrize("cell", CELLS)
def test_every_verdict_is_well_formed(cell: Any) -> None:
    """A difference says how, how many rows, why and since when; an incomplete output says which days are missing."""
    match cell:
        case "IDENTICAL":
            pass
        case {"verdict": "INCOMPLETE", "missing": [*days]}:
            assert days
        case {"because": [*kinds], "rows": [low, high], "causes": [*causes], "phase": int(phase)}:
            assert cell["verdict"] in ("DIFFERENT", "NON_DETERMINISTIC")
            assert set(causes) <= set(CauseName)
            assert phase >= 1
            assert kinds
            assert set(kinds) <= {"only_left", "only_right", "changed", "multiplicity"}
            assert 1 <= low <= high
        case other:
            pytest.fail(f"not a verdict: {other}")


@pytest.mark.parametrize("window", ["short", "full"])
@pytest.mark.parametrize("tag", GOOD)
def test_the_good_commits_are_identical_in_all_modes(tag: str, window: str) -> None:
    """Green is green everywhere, also when a rule changed in all modes alike."""
    assert not_identical(tag, window) == set()


@pytest.mark.parametrize("window", ["short", "full"])
def test_only_changes_of_behaviour_show_against_v1(window: str) -> None:
    """A refactoring changes no row; a changed rule does."""
    against = {tag: DOCUMENT["commits"][tag][window]["bf_against_v1"] for tag in GOOD}

    assert against["v1-refactored"] == {"gaps": "IDENTICAL", "daily": "IDENTICAL"}
    assert against["v2-changed"] == {"gaps": "DIFFERENT", "daily": "DIFFERENT"}


@pytest.mark.parametrize(
    ("tag", "output", "must"),
    [
        ("bug-lost-at-boundary", "gaps", dict.fromkeys([*WITH_DAILIES, "outage_recovery"], "DIFFERENT")),
        ("bug-exact-boundary", "gaps", dict.fromkeys([*WITH_DAILIES, "outage_recovery"], "DIFFERENT")),
        ("bug-append-only", "daily", dict.fromkeys([*WITH_DAILIES, "outage_recovery"], "DIFFERENT")),
        ("bug-tail-kept", "gaps", dict.fromkeys(["bftruncate", "mutate_recover"], "DIFFERENT")),
        ("bug-tie-break", "daily", {"repeat": "NON_DETERMINISTIC"}),
        ("bug-local-day", "daily", dict.fromkeys([*WITH_DAILIES, "outage_recovery"], "DIFFERENT")),
        ("bug-last-day", "daily", dict.fromkeys(ALL_MODES, "INCOMPLETE")),
    ],
)
def test_every_fault_is_seen_where_it_must_be(tag: str, output: str, must: dict[str, str]) -> None:
    """One kind of fault per commit, red for its own reason."""
    found = not_identical(tag)

    assert {(output, mode, verdict) for mode, verdict in must.items()} <= found
    assert "repeat" in must or not any(mode == "repeat" for _, mode, _ in found)


def test_faults_of_one_step_leave_the_other_output_alone() -> None:
    """Red only there: `daily` never writes gaps, and the tail of gaps does not reach the days."""
    for tag in ("bug-append-only", "bug-tie-break", "bug-local-day", "bug-last-day"):
        assert {output for output, _, _ in not_identical(tag)} == {"daily"}
    assert {output for output, _, _ in not_identical("bug-tail-kept")} == {"gaps"}
