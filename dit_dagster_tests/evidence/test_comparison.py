"""A difference on one line of a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.evidence.comparison import sample_line

LONG = '{"about": "' + "a" * 100 + '", "hours": 0.5114785714285714, "said": "' + "x" * 200 + '"}'


def _sample(left: str | None, right: str | None, *, column: str | None = "v", **key: str | None) -> dict[str, Any]:
    return {"key": key, "column": column, "left": left, "right": right}


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        pytest.param(_sample("1", "2", id="7"), "id=7: v: 1 ~ 2", id="values"),
        pytest.param(_sample(None, "2", id="7"), "id=7: v: NULL ~ 2", id="NULL"),
        pytest.param(_sample("NULL", "2", id="7"), 'id=7: v: "NULL" ~ 2', id="a text that spells NULL"),
        pytest.param(_sample('"NULL"', None, id="7"), 'id=7: v: ""NULL"" ~ NULL', id="and one that quotes it"),
        pytest.param(_sample("", "2", id="7"), 'id=7: v: "" ~ 2', id="an empty text"),
        pytest.param(_sample("1", "2", id=None), "id=NULL: v: 1 ~ 2", id="a NULL key"),
        pytest.param(_sample("1", "2", id="None"), "id=None: v: 1 ~ 2", id="a key that spells None"),
        pytest.param(_sample(None, '{"v": 1}', column=None), 'row: none ~ {"v": 1}', id="a row of one side"),
    ],
)
def test_a_sample_says_what_stands_on_each_side(sample: dict[str, Any], line: str) -> None:
    """With the key of its row, if there is one."""
    assert sample_line(sample) == line


def test_of_long_values_the_line_shows_where_they_part() -> None:
    """Both from the same place on, and no longer than a line."""
    line = sample_line(_sample(LONG, LONG.replace("5714,", "5716,")))

    left, right = line.removeprefix("v: ").split(" ~ ")
    assert '", "hours": 0.5114785714285714, "said"' in left
    assert left.replace("5714,", "5716,") == right
    assert (left[0], left[-1], len(left)) == ("…", "…", 102)


def test_a_long_value_beside_a_short_one_begins_where_both_do() -> None:
    """And says that there is more of it."""
    assert sample_line(_sample("y", "x" * 200)) == f"v: y ~ {'x' * 100}…"
