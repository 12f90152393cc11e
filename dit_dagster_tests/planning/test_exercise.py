"""What each mode is to exercise, from its phases, and what is said of an output that did or did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dit_dagster.model.exercise import AtBoundary, Exercised, RunAgain
from dit_dagster.model.identity import TableName
from dit_dagster.model.mutation import DropRows, Mutation, ProjectColumns, RestrictKeys, SetValues, ShiftTimestamps
from dit_dagster.model.pipeline import Output
from dit_dagster.model.state import Touched
from dit_dagster.model.window import Window
from dit_dagster.planning.exercise import Asked, asked, asked_of, exercised, shown, unmarked, untouched, with_days
from dit_dagster.planning.plan import Plan
from dit_dagster_tests.builders import a_pipeline, a_plan

SPAN = Output.model_validate({"span": {"start": "a", "end": "b"}})
BY_DAY = Output.model_validate({"day": "day"})


def january(day: int) -> date:
    return date(2013, 1, day)


def window(start: int, end: int) -> Window:
    return Window(january(start), january(end))


def planned(*modes: str, lookback: int = 1, **changes: Any) -> Plan:
    """Ten days of January with a tail of three and an outage over the 5th and 6th."""
    outage = {"from": "start+4", "to": "start+6", "sources": ["trips"]}
    pipeline = a_pipeline(outage=outage, **changes)
    days = (january(1), january(11))
    return a_plan(*modes, pipeline=pipeline, days=days, tail=3, lookback=lookback)


@pytest.mark.parametrize(
    ("mode", "lookback", "boundaries", "again", "twice"),
    [
        pytest.param("repeat", 1, [], [], [], id="repeat"),
        pytest.param("bfd", 1, [8, 9, 10], [], [], id="bfd"),
        pytest.param("bfd", 3, [6, 7, 8], [], [6, 7, 8, 9], id="bfd, each day three times"),
        pytest.param("bftruncate", 1, [8, 9, 10], [(8, 9), (9, 10)], [8, 9, 10], id="bftruncate"),
        pytest.param(
            "bftruncate", 3, [6, 7, 8, 9, 10], [(6, 9), (7, 10)], [6, 7, 8, 9, 10], id="bftruncate, three days each"
        ),
        pytest.param("mutate_recover", 1, [8, 9, 10], [(8, 9), (9, 10)], [8, 9, 10], id="mutate_recover"),
        pytest.param("outage_recovery", 1, [5, 7], [], [7, 8, 9, 10], id="outage_recovery"),
    ],
)
def test_what_a_mode_is_to_exercise(
    mode: str, lookback: int, boundaries: list[int], again: list[tuple[int, int]], twice: list[int]
) -> None:
    """Boundaries where a phase meets earlier ones, windows run again before later days, days written twice."""
    plan = planned("bf", mode, lookback=lookback)

    found = asked_of(plan, plan.mode("bf"), plan.mode(mode))

    assert list(found.boundaries) == [january(day) for day in boundaries]
    assert list(found.again) == [window(*each) for each in again]
    assert list(found.twice) == [january(day) for day in twice]
    assert found.mutated is (mode in {"mutate_recover", "outage_recovery"})


@pytest.mark.parametrize(
    ("phases", "boundaries", "again"),
    [
        pytest.param([(1, 5), (5, 11)], [5], [], id="two slices"),
        pytest.param([(5, 11), (1, 5)], [5], [], id="the later slice first"),
        pytest.param([(1, 11), (1, 11)], [], [], id="all of it twice"),
        pytest.param([(1, 6), (4, 11)], [4], [], id="two that overlap"),
        pytest.param([(1, 4), (6, 11), (4, 6)], [4, 6], [], id="a hole that is filled"),
        pytest.param([(1, 11), (4, 6)], [4, 6], [(4, 6)], id="days in the middle once more"),
        pytest.param([(1, 11), (1, 6)], [6], [], id="the beginning once more"),
        pytest.param([(1, 11), (10, 11)], [10], [], id="the last day once more"),
    ],
)
def test_modes_of_ones_own(phases: list[tuple[int, int]], boundaries: list[int], again: list[tuple[int, int]]) -> None:
    """In whatever order the phases run."""
    found = asked("own", [(window(*each), False) for each in phases])

    assert (list(found.boundaries), list(found.again)) == (
        [january(day) for day in boundaries],
        [window(*each) for each in again],
    )


def test_the_reference_counts_where_the_mode_is_one_phase() -> None:
    """bf beside the reference bfd, and bfd beside a replica of its own: the one exercises bfd, the other nothing."""
    again = {"phases": [{"from": "start", "to": "end-T"}, {"kind": "dailies"}], "replica": 1}
    plan = planned("bf", "bfd", "again", reference="bfd", modes={"again": again})

    assert asked_of(plan, plan.mode("bfd"), plan.mode("bf")).mode == "bfd"
    assert not asked_of(plan, plan.mode("bfd"), plan.mode("again"))


ASKED = Asked(mode="m", boundaries=(january(8), january(9)), again=(window(8, 9),), twice=(january(8),))
NOTHING = replace(exercised(ASKED), spanning=0, over=0)
EMPTY_ALLOWED = SPAN.model_copy(update={"allow_empty": True})


@pytest.mark.parametrize(
    ("output", "asked", "found", "rows", "lacking", "warned"),
    [
        pytest.param(SPAN, ASKED, replace(NOTHING, spanning=1, over=1), 9, "", [], id="both exercised"),
        pytest.param(SPAN, ASKED, NOTHING, 9, "spans a slice boundary", [], id="no row at a boundary"),
        pytest.param(SPAN, ASKED, replace(NOTHING, spanning=1), 9, "reaches over", [], id="no row over what is again"),
        pytest.param(
            SPAN, replace(ASKED, mutated=True), replace(NOTHING, spanning=1), 9, "", ["reaches over"], id="mutated"
        ),
        pytest.param(SPAN, replace(ASKED, mutated=True), NOTHING, 9, "spans a slice", [], id="mutated, no boundary"),
        pytest.param(SPAN, replace(ASKED, again=()), replace(NOTHING, spanning=1), 9, "", [], id="nothing again"),
        pytest.param(SPAN, Asked(mode="m"), Exercised(mode="m"), 9, "", [], id="nothing is asked"),
        pytest.param(EMPTY_ALLOWED, ASKED, NOTHING, 0, "", ["spans a slice", "reaches"], id="empty, as it may be"),
        pytest.param(EMPTY_ALLOWED, ASKED, NOTHING, 1, "spans a slice", [], id="may be empty, and is not"),
        pytest.param(BY_DAY, ASKED, with_days(ASKED, {january(7): 1, january(8): 2}), 9, "", [], id="by day"),
        pytest.param(
            BY_DAY, ASKED, with_days(ASKED, {january(7): 1}), 9, "", ["both sides", "twice"], id="no day at a boundary"
        ),
        pytest.param(Output(), ASKED, exercised(ASKED), 9, "", ["neither day nor span"], id="nothing declared"),
    ],
)
def test_what_is_said_of_a_pass(
    output: Output, asked: Asked, found: Exercised, rows: int, lacking: str, warned: list[str]
) -> None:
    """Only a declared span takes a pass away; all else is a warning, or nothing."""
    said = shown(asked, found, "daily", output, rows=rows)

    assert (bool(said.lacking), lacking in said.lacking) == (bool(lacking), True)
    assert len(said.warnings) == len(warned)
    assert all(text in warning for text, warning in zip(warned, said.warnings, strict=True))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(Exercised(mode="m"), "", id="nothing"),
        pytest.param(exercised(ASKED), "", id="nothing counted"),
        pytest.param(
            Exercised(
                mode="m",
                boundaries=(AtBoundary(day=january(8), spanning=3),),
                again=(RunAgain(window=window(8, 9), over=1),),
                spanning=3,
                over=1,
                days_twice=4,
                rows_twice=1204,
            ),
            "3 rows span its boundaries; 1 row reaches over what was run again; 4 days were written twice (1,204 rows)",
            id="everything",
        ),
        pytest.param(
            with_days(ASKED, {january(7): 1, january(8): 1}),
            "rows on both sides of 1 of 2 boundaries; 1 day was written twice (1 row)",
            id="by day",
        ),
    ],
)
def test_what_was_exercised_in_words(found: Exercised, words: str) -> None:
    """As the report and the command line tell it."""
    assert str(found) == words


READ = [window(8, 11)]


def touched(**by_day: int) -> Touched:
    days: dict[date | None, int] = {january(int(day[1:])): rows for day, rows in by_day.items()}
    return Touched(source="trips", table=TableName("project", "dataset", "t"), before=9, after=9, by_day=days)


@pytest.mark.parametrize(
    ("mutation", "advice"),
    [
        pytest.param(
            RestrictKeys(source="trips", key="vessel", share=0.5), "choose other keys (vessel of trips)", id="keys"
        ),
        pytest.param(DropRows(source="trips", where="x > 1"), "a condition other than 'x > 1'", id="rows"),
        pytest.param(ShiftTimestamps(source="trips", column="at", seconds=1), "or more seconds", id="times"),
        pytest.param(SetValues(source="trips", column="x", value=1), "whose x is another value", id="values"),
        pytest.param(ProjectColumns(source="trips", columns=("x",)), "a column of trips that", id="columns"),
    ],
)
def test_each_kind_of_mutation_is_advised_of_what_would_help(mutation: Mutation, advice: str) -> None:
    """With the days that would have to be touched, and those that were."""
    said = untouched([mutation], [touched(d2=3)], READ, "")

    assert "no row that a mutated phase reads ([2013-01-08, 2013-01-11)), but rows of 2013-01-02: " in said
    assert advice in said
    assert "reads ([2013-01-08, 2013-01-11)) at all: " in untouched([mutation], [touched()], READ, "")
    assert advice in unmarked([mutation], "daily", "")


def test_an_outage_is_advised_of_its_days() -> None:
    """Other keys help no outage: other days do, or a declared reads_back if the program reads further back."""
    outage = str(window(5, 7))
    mutation = DropRows(source="trips", where="{outage}")

    empty = untouched([mutation], [touched()], READ, outage)
    unread = untouched([mutation], [touched(d5=3, d6=1)], [window(7, 11)], outage)

    assert "trips has no row on the days of the outage [2013-01-05, 2013-01-07)" in empty
    assert "reads from 2013-01-07 on" in unread
    assert "a reads_back that is larger by 1;" in unread
    assert "keys" not in empty + unread
    assert "declare an outage on days whose rows show in daily" in unmarked([mutation], "daily", outage)
