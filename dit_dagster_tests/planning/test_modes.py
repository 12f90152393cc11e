"""From a mode's declaration to phases with dates, and what they cover together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.window import Window
from dit_dagster.planning.modes import ResolvedPhase, calendar, dated, resolve, uncovered
from dit_dagster_tests.builders import a_pipeline

START, END = date(2013, 1, 1), date(2013, 2, 1)
JANUARY = Window(START, END)
OUTAGE = {"from": "end-8", "to": "end-5", "sources": ["trips"]}


def phases_of(mode: str, tail: int = 3, lookback: int = 2, **changes: Any) -> list[tuple[int, int, str | None]]:
    """The phases as (first day of January, end as a day number, mutation)."""
    pipeline = a_pipeline(outage=OUTAGE, **changes)
    phases = resolve(pipeline, mode, calendar(pipeline, JANUARY, tail, lookback))
    return [((one.window.start - START).days + 1, (one.window.end - START).days + 1, one.mutation) for one in phases]


DAILIES = [(28, 30), (29, 31), (30, 32)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param("bf", [(1, 32, None)], id="bf"),
        pytest.param("bfd", [(1, 29, None), *((a, b, None) for a, b in DAILIES)], id="bfd"),
        pytest.param("bftruncate", [(1, 32, None), *((a, b, None) for a, b in DAILIES)], id="bftruncate"),
        pytest.param(
            "mutate_recover",
            [(1, 29, None), *((a, b, "mutate_recover") for a, b in DAILIES), *((a, b, None) for a, b in DAILIES)],
            id="mutate_recover",
        ),
        pytest.param("outage_recovery", [(1, 24, None), (27, 32, "outage"), (24, 32, None)], id="outage_recovery"),
        pytest.param("repeat", [(1, 32, None)], id="repeat"),
    ],
)
def test_a_generic_mode_is_these_phases(mode: str, expected: list[tuple[int, int, str | None]]) -> None:
    """T=3 and W=2 over January 2013: dailies end on the 30th, the 31st and the 1st, and cover two days each."""
    assert phases_of(mode) == expected


def test_a_pipeline_declares_its_own_modes() -> None:
    """A declared mode is written in the same vocabulary: moments, offsets in days, dailies."""
    weekly = {"weekly": {"phases": [{"from": "start", "to": "end-7"}, {"from": "end-T", "to": "end"}]}}

    assert phases_of("weekly", modes=weekly) == [(1, 25, None), (29, 32, None)]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        pytest.param("end-T", 29, id="a tail"),
        pytest.param("end-T-W", 27, id="a tail and a daily window"),
        pytest.param("end-T-W-1", 26, id="and a day"),
        pytest.param("start+W", 3, id="from the start"),
        pytest.param("outage_end-1", 26, id="of an outage"),
    ],
)
def test_a_moment_adds_up_its_offsets(moment: str, day: int) -> None:
    """T=3 and W=2; offsets in days, tails and daily windows follow one another."""
    dates = calendar(a_pipeline(outage=OUTAGE), JANUARY, 3, 2)

    assert dates.at(moment) == date(2013, 1, day)
    assert dated(f"day >= {{{moment}}} AND code LIKE r'x{{2}}'", dates) == (
        f"day >= DATE '2013-01-{day:02}' AND code LIKE r'x{{2}}'"
    )


@pytest.mark.parametrize(
    ("tail", "lookback", "said"),
    [
        pytest.param(0, 1, "--tail 0", id="no tail"),
        pytest.param(-1, 1, "--tail -1", id="a negative tail"),
        pytest.param(31, 1, "--tail 31", id="a tail as long as the window"),
        pytest.param(3, 0, "--lookback 0", id="no lookback"),
        pytest.param(3, 30, "--tail 3 --lookback 30", id="the first daily starts before the window"),
        pytest.param(10**12, 1, "--tail", id="an enormous tail"),
        pytest.param(3, 10**12, "--lookback", id="an enormous lookback"),
    ],
)
def test_numbers_that_do_not_fit_the_window_are_refused(tail: int, lookback: int, said: str) -> None:
    """The message repeats what was given and says what fits."""
    with pytest.raises(UsageError, match=said):
        calendar(a_pipeline(), JANUARY, tail, lookback)


@pytest.mark.parametrize(("tail", "lookback"), [(30, 1), (1, 31), (30, 2), (3, 29)])
def test_the_largest_numbers_that_fit_are_taken(tail: int, lookback: int) -> None:
    """T + W - 1 may be as long as the window, and not longer."""
    assert calendar(a_pipeline(), JANUARY, tail, lookback).tail == tail


def test_an_outage_outside_the_window_is_refused() -> None:
    """The mode cannot mean anything on a window that its outage does not lie in."""
    pipeline = a_pipeline(outage=OUTAGE)
    short = Window(date(2013, 1, 1), date(2013, 1, 9))

    with pytest.raises(UsageError, match="use a longer window"):
        resolve(pipeline, "outage_recovery", calendar(pipeline, short, 3, 2))


@pytest.mark.parametrize(
    ("mode", "changes", "said"),
    [
        pytest.param("bdf", {}, "unknown mode 'bdf' in --modes; trips has bf, bfd, bftruncate", id="mistyped"),
        pytest.param(
            "mutate_recover", {"mutations": None}, "declares no mutation named mutate_recover", id="no mutation"
        ),
        pytest.param("outage_recovery", {}, "declares no outage", id="no outage"),
        pytest.param("BF", {}, "unknown mode 'BF'", id="another case"),
        pytest.param("", {}, "unknown mode ''", id="nothing"),
    ],
)
def test_trap_17_an_unknown_mode_names_what_there_is(mode: str, changes: dict[str, Any], said: str) -> None:
    """Trap 17: a mistyped name never resolves to nothing."""
    pipeline = a_pipeline(**changes)

    with pytest.raises(UnknownName, match=said):
        resolve(pipeline, mode, calendar(pipeline, JANUARY, 3, 2))


def phase(start: date, days: int, mutation: str | None = None) -> ResolvedPhase:
    return ResolvedPhase(window=Window(start, start + timedelta(days=days)), mutation=mutation)


def by_definition(phases: tuple[ResolvedPhase, ...], window: Window, owns_to_end: bool) -> set[date]:
    """Coverage day by day: what the last phase that decided about a day left on it."""
    reach = [window.start + timedelta(days=n) for n in range(-60, 120)]
    wrong = set()
    for day in reach:
        true_rows = False
        for one in phases:
            inside = one.window.start <= day < one.window.end
            if inside:
                true_rows = one.mutation is None
            elif owns_to_end and day >= one.window.end:
                true_rows = False
        if true_rows != (window.start <= day < window.end):
            wrong.add(day)
    return wrong


PHASES = st.lists(
    st.builds(
        phase,
        st.integers(-10, 40).map(lambda n: START + timedelta(days=n)),
        st.integers(1, 40),
        st.sampled_from([None, None, "m"]),
    ),
    min_size=1,
    max_size=6,
).map(tuple)


@given(phases=PHASES, owns_to_end=st.booleans())
def test_trap_25_coverage_is_what_the_phases_leave(phases: tuple[ResolvedPhase, ...], owns_to_end: bool) -> None:
    """Trap 25: the simulation agrees with the definition, day by day, for any phases in any order."""
    assert set(uncovered(phases, JANUARY, owns_to_end=owns_to_end)) == by_definition(phases, JANUARY, owns_to_end)


@given(
    days=st.integers(2, 60),
    tail=st.integers(1, 59),
    lookback=st.integers(1, 59),
    owns_to_end=st.booleans(),
    data=st.data(),
)
def test_trap_25_every_generic_mode_covers_every_window_it_accepts(
    days: int, tail: int, lookback: int, owns_to_end: bool, data: st.DataObject
) -> None:
    """Trap 25: whatever T and W are accepted, each generic mode ends covering exactly its window."""
    pipeline: Pipeline = a_pipeline(outage=OUTAGE, owns_to_end=owns_to_end)
    window = Window(START, START + timedelta(days=days))
    mode = data.draw(st.sampled_from(sorted(pipeline.available_modes)))
    try:
        phases = resolve(pipeline, mode, calendar(pipeline, window, tail, lookback))
    except UsageError:
        return

    assert uncovered(phases, window, owns_to_end=owns_to_end) == ()


def test_trap_25_an_off_by_one_in_every_slice_is_seen() -> None:
    """Trap 25: slices that lose their last day do not cover the window, however alike they are."""
    slices = tuple(phase(START + timedelta(days=n), 6) for n in range(0, 28, 7))

    missing = uncovered(slices, Window(START, START + timedelta(days=28)), owns_to_end=False)

    assert missing == tuple(START + timedelta(days=n) for n in (6, 13, 20, 27))
