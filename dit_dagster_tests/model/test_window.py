"""Windows are half-open ranges of days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.errors import UsageError
from dit_dagster.model.window import Window

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2030, 1, 1))
LENGTHS = st.integers(min_value=1, max_value=400)


@given(start=DAYS, length=LENGTHS)
def test_a_window_holds_its_first_day_and_not_its_end(start: date, length: int) -> None:
    """`[start, end)` has as many days as it is long, from the first up to the one before the end."""
    window = Window(start, start + timedelta(days=length))

    assert [*window.each_day()] == [start + timedelta(days=n) for n in range(window.days)]


@given(start=DAYS, length=st.integers(min_value=-5, max_value=0))
def test_a_window_without_days_is_refused(start: date, length: int) -> None:
    """An end that is not after the start is an error with the remedy."""
    with pytest.raises(UsageError, match="--end must be after --start"):
        Window(start, start + timedelta(days=length))


@given(start=DAYS, length=LENGTHS, back=st.integers(min_value=0, max_value=30))
def test_a_widened_window_holds_the_window(start: date, length: int, back: int) -> None:
    """Looking back adds days before the start, and only there."""
    window = Window(start, start + timedelta(days=length))

    wide = window.widened(back=back)

    assert (wide.contains(window), wide.days - window.days, wide.end) == (True, back, window.end)
