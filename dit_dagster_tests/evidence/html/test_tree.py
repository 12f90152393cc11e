"""Phases as the tree that they are, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from dit_dagster.evidence.html.lanes import picture
from dit_dagster.evidence.html.tree import Phase, Segment, share_of, tree
from dit_dagster_tests.evidence.html.a_run import a_run


def path(*names: str, outcome: str = "ran") -> list[dict[str, Any]]:
    days = {"start": "2013-01-01", "end": "2013-01-02", "seconds": 1.0}
    return [{"fingerprint": name, "mutation": [], "outcome": outcome, **days} for name in names]


def a_report(**modes: list[dict[str, Any]]) -> dict[str, Any]:
    described = [{"mode": name, "phases": phases} for name, phases in modes.items()]
    return {"window": ["2013-01-01", "2013-01-11"], "modes": described, "comparisons": []}


def every_phase(segments: Sequence[Segment]) -> Iterator[Phase]:
    """Each phase once, parents first."""
    for segment in segments:
        yield from segment.phases
        yield from every_phase(segment.further)


def shape(segments: tuple[Segment, ...]) -> list[Any]:
    return [
        ("+".join(each.modes), "".join(phase.fingerprint for phase in each.phases), shape(each.further))
        for each in segments
    ]


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        pytest.param({"a": path("1"), "b": path("2")}, [("a", "1", []), ("b", "2", [])], id="nothing shared"),
        pytest.param(
            {"a": path("1"), "b": path("1", "2", "3")}, [("a+b", "1", [("b", "23", [])])], id="one begins another"
        ),
        pytest.param(
            {"a": path("1", "2", "3"), "b": path("1", "2", "4")},
            [("a+b", "12", [("a", "3", []), ("b", "4", [])])],
            id="a fork",
        ),
        pytest.param({"a": path("1", "2"), "b": path("1", "2")}, [("a+b", "12", [])], id="the same"),
    ],
)
def test_equal_beginnings_are_told_once(modes: dict[str, Any], expected: list[Any]) -> None:
    """With the modes that share them."""
    assert shape(tree(a_report(**modes))) == expected


def test_every_phase_of_a_run_is_there_once() -> None:
    """Each with its outcome, and the one after which modes part is marked."""
    report = a_run()

    phases = list(every_phase(tree(report)))

    assert len(phases) == report["invocations"]["planned"]
    assert {phase.state for phase in phases} == {"ran", "reused", "failed", "blocked"}
    assert [phase.parts for phase in phases if phase.parts] == [("daily of bfd parts from bf",)]


def test_the_picture_has_a_lane_and_a_label_for_each_mode() -> None:
    """No two labels and no two phases are drawn on one another."""
    drawn = picture(tree(a_report(a=path("1"), b=path("1", "2"), c=path("1", "2", "3"), d=path("4"))))

    assert [label.text for label in drawn.labels] == ["a", "b", "c", "d"]
    assert len({label.y for label in drawn.labels}) == 4
    assert len({(dot.x, dot.y) for dot in drawn.dots}) == len(drawn.dots) == 4
    assert len(drawn.lines) == 2


def test_a_long_row_is_drawn_short_and_keeps_what_matters() -> None:
    """First, last, and a phase that failed; the others are counted."""
    long = path(*(str(n) for n in range(300)))
    long[200]["outcome"] = "failed"

    drawn = picture(tree(a_report(a=long)))

    assert [dot.phase.number if dot.phase else -dot.left_out for dot in drawn.dots] == [1, -199, 201, -98, 300]


def test_modes_without_phases_are_no_tree() -> None:
    """Nothing was planned, so nothing is drawn."""
    assert (tree(a_report()), picture(()).dots) == ((), ())


def test_a_window_has_its_place_in_the_whole() -> None:
    """In percent, and never outside."""
    window = ["2013-01-01", "2013-01-11"]

    assert share_of(window, "2013-01-01", "2013-01-11") == (0.0, 100.0)
    assert share_of(window, "2013-01-06", "2013-01-08") == (50.0, 20.0)
    assert share_of(window, "2012-12-01", "2013-02-01") == (0.0, 100.0)
