"""A digest says which days differ, and survives being stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from dit_dagster.comparing import DIGEST_VERSION, Digest

MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)
DIGEST = Digest(
    rows=5,
    days=((MONDAY, 2, "aa"), (TUESDAY, 2, "bb"), (None, 1, "cc")),
    duplicate_keys=0,
    schema="s",
    policy="p",
    engine="local/duckdb-v1",
    version=DIGEST_VERSION,
)


def test_a_digest_survives_storage() -> None:
    """Through JSON and back, it is the same digest."""
    assert Digest.from_json(DIGEST.to_json()) == DIGEST


def test_a_record_with_a_missing_field_is_no_digest() -> None:
    """It must not read as 0 rows."""
    record = DIGEST.to_json()
    del record["rows"]

    with pytest.raises(KeyError):
        Digest.from_json(record)


def test_values_are_equal_if_and_only_if_every_day_is() -> None:
    """A day's rows, its digest, or a day more make another value."""
    assert replace(DIGEST, duplicate_keys=None).value == DIGEST.value
    others = [
        replace(DIGEST, days=DIGEST.days[:2]),
        replace(DIGEST, days=((MONDAY, 2, "aa"), (TUESDAY, 2, "bb"), (None, 1, "cd"))),
        replace(DIGEST, days=((MONDAY, 3, "aa"), (TUESDAY, 2, "bb"), (None, 1, "cc"))),
    ]
    assert len({digest.value for digest in (DIGEST, *others)}) == 4


def test_the_differing_days_are_those_that_either_side_holds_otherwise() -> None:
    """In order, rows without a day last."""
    other = replace(DIGEST, days=((MONDAY, 2, "aa"), (TUESDAY, 2, "bc")))

    assert DIGEST.differing_days(other) == (TUESDAY, None)
    assert other.differing_days(DIGEST) == (TUESDAY, None)


@pytest.mark.parametrize("part", ["schema", "policy", "engine"])
def test_digests_of_another_basis_are_not_compared(part: str) -> None:
    """Equal values would mean nothing."""
    assert not DIGEST.comparable(replace(DIGEST, **{part: "other"}))  # type: ignore[arg-type]  # all three are texts
    assert DIGEST.comparable(replace(DIGEST, rows=7))


def test_a_thousand_stored_digests_fall_into_classes() -> None:
    """An experiment of many modes and commits is sorted by its digests alone: no table is joined with another."""
    days = [(date(2020, 1, 1 + day), 10, f"{day:032x}") for day in range(28)]
    texts = [
        json.dumps(replace(DIGEST, days=(*days, (None, number % 7, "cc")), rows=280 + number % 7).to_json())
        for number in range(1000)
    ]

    classes: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        classes.setdefault(Digest.from_json(json.loads(text)).value, []).append(number)

    assert sorted(classes.values()) == [list(range(kind, 1000, 7)) for kind in range(7)]
