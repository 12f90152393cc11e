"""Marks on what differs, and nothing that acts, hides or turns the text around it."""

from __future__ import annotations

import pytest

from dit_dagster.evidence.html.samples import Alone, Piece, Value, alone_row, marked, plain_value, samples
from dit_dagster_tests.evidence.html.a_run import LONG, a_comparison


def differing(value: Value) -> str:
    return "|".join(piece.text for piece in value.pieces if piece.kind in ("differs", "differing sign"))


@pytest.mark.parametrize(
    ("left", "right", "marks"),
    [
        pytest.param("1527.93", "1528.01", ("7.93", "8.01"), id="the end"),
        pytest.param("2013-03-01 17:00", "2013-03-01 22:00", ("17", "22"), id="the middle"),
        pytest.param("ann", "anna", ("", "a"), id="one more"),
        pytest.param("aaa", "aa", ("a", ""), id="repeated signs are counted once"),
        pytest.param("abcdef-1-ghijkl", "abcdef-2-gh1jkl", ("1|i", "2|1"), id="two places"),
        pytest.param("name ", "name", ("space", ""), id="a space at the end is seen"),
        pytest.param("a\u200bb", "ab", ("U+200B", ""), id="a sign without width is seen"),
        pytest.param("a\nb", "a\tb", ("newline", "tab"), id="control characters have names"),
        pytest.param("e\u0301", "é", ("e|U+0301", "é"), id="normal forms can be told apart"),
    ],
)
def test_what_differs_is_marked(left: str, right: str, marks: tuple[str, str]) -> None:
    """On either side, and nothing else."""
    assert tuple(map(differing, marked(left, right))) == marks


@pytest.mark.parametrize(("left", "right"), [("ab", "b"), ("a" * 300, "b"), ("xyz", "abc"), (LONG, LONG + "b")])
def test_no_character_is_lost(left: str, right: str) -> None:
    """Equal parts that are left out are counted."""
    for text, value in zip((left, right), marked(left, right), strict=True):
        shown = sum(len(piece.text) for piece in value.pieces if piece.kind != "note")
        notes = [piece.text for piece in value.pieces if piece.kind == "note"]
        counted = sum(int(note.split()[0].replace(",", "")) for note in notes)
        assert shown + counted == len(text)


def test_a_long_value_shows_what_is_next_to_the_difference() -> None:
    """And says how much is left out."""
    _, right = marked(LONG, LONG[:1000] + "b" + LONG[1000:])

    assert [piece for piece in right.pieces if piece.kind in ("note", "differs")] == [
        Piece(text="940 equal characters", kind="note"),
        Piece(text="b", kind="differs"),
        Piece(text="940 equal characters", kind="note"),
    ]


def test_two_long_values_without_anything_in_common_are_marked_as_a_whole() -> None:
    """To match them would take minutes."""
    left, _ = marked("ab" * 50_000, "cd" * 50_000)

    assert differing(left) == "ab" * 50_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(None, "NULL", id="NULL"),
        pytest.param("", "empty text", id="no characters"),
        pytest.param("NULL", "", id="the word"),
    ],
)
def test_what_is_not_a_text_is_told_from_one(value: str | None, said: str) -> None:
    """NULL is not the word NULL, and neither is nothing."""
    assert plain_value(value).missing == said


def test_samples_stand_with_their_column() -> None:
    """With how many of how many, and rows that one side has after them."""
    found = samples(a_comparison())

    assert [(each.column, len(each.changed), each.of, each.measured) for each in found.columns] == [
        ("speed", 1, 33, True),
        ("name", 3, 12, False),
    ]
    assert [(side.side, len(side.rows)) for side in found.sides] == [("bf", 1)]


def test_a_row_that_was_cut_is_shown_as_it_is() -> None:
    """It is no JSON any more."""
    assert alone_row({}, '{"a": 1') == Alone(key=(), values=(), whole=plain_value('{"a": 1'))
