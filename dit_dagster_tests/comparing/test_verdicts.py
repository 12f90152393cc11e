"""Verdicts on small tables: what each carries, what it costs, and where it stops."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dit_dagster.comparing import Digest, compare_tables, digest, exercised_rows, spanning_rows
from dit_dagster.errors import BadDeclaration, NotFound
from dit_dagster.model.exercise import AtBoundary, Exercised, RunAgain
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    Different,
    Equivalent,
    Error,
    ExpectedDifference,
    Identical,
    Incomparable,
)
from dit_dagster.model.window import Window
from dit_dagster.ports import Statement, Warehouse
from dit_dagster_tests.comparing.tables import Bench

EVENTS = "id INT64, kind STRING, d DATE, until DATE, v FLOAT64, w FLOAT64"
ROWS = (
    "1, 'a', DATE '2020-01-01', DATE '2020-01-03', 1.0, 1.0",
    "2, 'b', DATE '2020-01-02', DATE '2020-01-02', 2.0, 2.0",
    "3, 'b', DATE '2020-01-02', NULL, 3.0, 3.0",
)


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


def policy(**declared: Any) -> ComparisonPolicy:
    return ComparisonPolicy.model_validate({"keys": ["id"], **declared})


def test_equal_stored_digests_cost_no_statement(bench: Bench) -> None:
    """Nothing is read; without them each table is read once, in one statement."""
    left, right = bench.table(EVENTS, *ROWS), bench.table(EVENTS, *reversed(ROWS))
    stored = [Digest.from_json(digest(bench.warehouse, each, policy())[0].to_json()) for each in (left, right)]

    warm = compare_tables(bench.warehouse, left, right, policy(), left_digest=stored[0], right_digest=stored[1])
    cold = compare_tables(bench.warehouse, left, right, policy())
    half = compare_tables(bench.warehouse, left, right, policy(), left_digest=stored[0])

    assert [type(each) for each in (warm, cold, half)] == [Identical] * 3
    assert [each.evidence.cost.statements for each in (warm, cold, half)] == [0, 1, 1]
    assert (warm.evidence.method, cold.evidence.method) == ("stored digests", "digest scan")
    assert (warm.evidence.left.rows, warm.evidence.left.duplicate_keys) == (3, 0)


def test_a_digest_of_another_policy_is_not_believed(bench: Bench) -> None:
    """It is taken anew."""
    left, right = bench.table(EVENTS, *ROWS), bench.table(EVENTS, *ROWS[:2], ROWS[2].replace("3.0", "4.0"))
    narrow = policy(ignore={"v": "x", "w": "x"})
    stored = [digest(bench.warehouse, each, narrow)[0] for each in (left, right)]
    assert stored[0].value == stored[1].value

    verdict = compare_tables(bench.warehouse, left, right, policy(), left_digest=stored[0], right_digest=stored[1])

    assert isinstance(verdict, Different)


def test_a_stale_digest_is_noticed_where_rows_are_looked_at(bench: Bench) -> None:
    """Digests that differ over rows that do not: an error, not a difference."""
    left, right = bench.table(EVENTS, *ROWS), bench.table(EVENTS, *ROWS)
    stale = digest(bench.warehouse, bench.table(EVENTS, *ROWS[:2]), policy())[0]

    verdict = compare_tables(bench.warehouse, left, right, policy(), left_digest=stale)

    assert isinstance(verdict, Error)
    assert "without the stored digests" in verdict.reason


def test_an_explanation_says_what_where_and_how_much(bench: Bench) -> None:
    """Counts, columns with their distances, days, dimensions, samples, and the share at a slice boundary."""
    left = bench.table(EVENTS, *ROWS)
    right = bench.table(
        EVENTS,
        ROWS[0].replace("1.0, 1.0", "1.5, 1.0"),
        ROWS[1],
        ROWS[1],
        "4, NULL, DATE '2020-01-02', DATE '2020-01-02', 4.0, 4.0",
    )
    declared = policy(day="d", dimensions=["kind"], span={"start": "d", "end": "until"})

    verdict = compare_tables(bench.warehouse, left, right, declared, boundaries=[date(2020, 1, 2)])

    assert isinstance(verdict, Different)
    told = verdict.explanation
    assert (told.only_left, told.only_right, told.changed, told.multiplicity) == (1, 1, 1, 1)
    assert told.days == ((date(2020, 1, 1), 1), (date(2020, 1, 2), 3))
    assert told.dimensions == (("kind", "b", 2), ("kind", None, 1), ("kind", "a", 1))
    assert told.at_boundary == 0.25
    (column,) = told.columns
    assert (column.name, column.mismatches, column.max_abs, column.mean_abs) == ("v", 1, 0.5, 0.5)
    assert column.max_rel == pytest.approx(1 / 3)
    first = told.samples[0]
    assert (first.key, first.column, first.left, first.right) == ({"id": "1"}, "v", "1.0", "1.5")
    assert {sample.column for sample in told.samples[1:]} == {None}
    assert verdict.evidence.warnings == ("right: 1 rows have the key of an earlier row",)


def test_an_announced_difference_passes_if_it_is_exactly_that(bench: Bench) -> None:
    """Other rows, other numbers of rows, or no difference at all are DIFFERENT."""
    left = bench.table(EVENTS, *ROWS)
    right = bench.table(EVENTS, *ROWS[:2], ROWS[2].replace("3.0, 3.0", "3.5, 3.0"))

    def judged(where: str, rows: int, other: Any = right) -> type:
        return type(bench.verdict(left, other, policy(expected_diff={"where": where, "rows": rows})))

    assert judged("kind = 'b'", 1) is ExpectedDifference
    assert judged("kind = 'b'", 2) is Different
    assert judged("kind = 'a'", 1) is Different
    assert judged("kind = 'b'", 1, left) is Different


def test_rows_outside_the_predicate_do_not_count(bench: Bench) -> None:
    """It applies to both sides, and is shown."""
    left = bench.table(EVENTS, *ROWS)
    right = bench.table(EVENTS, *ROWS[1:])

    verdict = bench.verdict(left, right, policy(where="id > 1"))

    assert isinstance(verdict, Identical)
    assert verdict.evidence.left.rows == 2
    assert verdict.evidence.policy.where == "id > 1"


def test_a_tolerance_finds_the_right_pairing_of_duplicate_keys(bench: Bench) -> None:
    """With one tolerant column by order; where several leave doubt, it is said that there is doubt."""
    columns = "id INT64, v FLOAT64, w FLOAT64"
    left = bench.table(columns, "1, 1.0, 10.0", "1, 2.0, 20.0", "1, 3.0, 30.0")
    near = bench.table(columns, "1, 3.1, 30.0", "1, 1.1, 10.0", "1, 2.1, 20.0")
    crossed = bench.table(columns, "1, 1.0, 10.0", "1, 2.5, 20.0", "1, 2.0, 30.0")
    one = policy(columns={"v": {"tolerance": {"abs": 0.2}}})
    both = policy(columns={"v": {"tolerance": {"abs": 0.2}}, "w": {"tolerance": {"abs": 0.2}}})

    verdict = bench.verdict(left, near, one)
    assert isinstance(verdict, Equivalent)
    assert verdict.explanation.ambiguous_keys == 1
    assert isinstance(bench.verdict(left, crossed, one), Different)
    doubt = bench.verdict(left, crossed, both)
    assert isinstance(doubt, Incomparable)
    assert "declare keys that are unique" in doubt.reason


def test_a_tolerance_without_keys_has_no_answer(bench: Bench) -> None:
    """Unless the tables are equal anyway."""
    left, right = bench.table("v FLOAT64", "1.0"), bench.table("v FLOAT64", "1.1")
    declared = ComparisonPolicy.model_validate({"columns": {"v": {"tolerance": {"abs": 1}}}})

    assert isinstance(bench.verdict(left, right, declared), Incomparable)
    assert isinstance(bench.verdict(left, left, declared), Identical)


def test_a_key_that_hashes_the_content_is_matched_by_other_keys(bench: Bench) -> None:
    """So that a changed field is one changed row rather than a row on each side."""
    left = bench.table("hash STRING, id INT64, v STRING", "'aa', 1, 'a'")
    right = bench.table("hash STRING, id INT64, v STRING", "'bb', 1, 'b'")

    plain = bench.verdict(left, right, policy(keys=["hash"]))
    second = bench.verdict(left, right, policy(keys=["hash"], content_hash_key=True, alternate_keys=["id"]))

    assert isinstance(plain, Different)
    assert (plain.explanation.only_left, plain.explanation.changed) == (1, 0)
    assert isinstance(second, Different)
    assert (second.explanation.only_left, second.explanation.changed) == (0, 1)


def test_a_view_is_compared_like_a_table(bench: Bench) -> None:
    """An output may be compared by a view of it."""
    left = bench.table(EVENTS, *ROWS)
    view = bench.dataset.table("a_view")
    bench.warehouse.create_view(view, f"SELECT * FROM {left.sql} WHERE id < 3")

    assert isinstance(bench.verdict(left, view, policy(where="id < 3")), Identical)
    verdict = bench.verdict(left, view, policy())
    assert isinstance(verdict, Different)
    assert verdict.explanation.only_left == 1


def test_what_cannot_be_read_is_an_error_and_what_is_wrongly_declared_is_raised(bench: Bench) -> None:
    """A missing table is a verdict; a policy that names no column of it is the user's mistake."""
    left, missing = bench.table("id INT64", "1"), bench.dataset.table("missing")

    verdict = bench.verdict(left, missing, policy())
    assert isinstance(verdict, Error)
    assert "missing does not exist" in verdict.reason
    with pytest.raises(NotFound):
        digest(bench.warehouse, missing, policy())
    with pytest.raises(BadDeclaration, match="nope"):
        bench.verdict(left, left, policy(keys=["nope"]))


def test_rows_that_reach_over_a_boundary_are_counted(bench: Bench) -> None:
    """They start before its midnight and end at it or later; an open row reaches over every later boundary."""
    table = bench.table(EVENTS, *ROWS)
    spanning = policy(span={"start": "d", "end": "until"})

    def count(*days: int) -> int | None:
        return spanning_rows(bench.warehouse, table, spanning, [date(2020, 1, day) for day in days])

    assert [count(1), count(2), count(3), count(2, 3), count()] == [0, 1, 2, 2, 0]
    assert spanning_rows(bench.warehouse, table, policy(), [date(2020, 1, 2)]) is None


def test_rows_are_counted_at_each_boundary_and_over_each_window(bench: Bench) -> None:
    """In one statement; an open row reaches over all that follows its start, one without a start over nothing."""
    table = bench.table(
        "`from` TIMESTAMP, until DATE, kind STRING",
        "TIMESTAMP '2020-01-01 23:59:59', DATE '2020-01-02', 'a'",
        "TIMESTAMP '2020-01-01 00:00:00', DATE '2020-01-03', 'a'",
        "TIMESTAMP '2020-01-02 00:00:00', NULL, 'a'",
        "NULL, DATE '2020-01-09', 'a'",
        "TIMESTAMP '2020-01-01 00:00:00', DATE '2020-01-09', 'left out'",
    )
    day = {number: date(2020, 1, number) for number in range(1, 6)}
    asked = Exercised(
        mode="m",
        boundaries=tuple(AtBoundary(day=day[number], beside=True) for number in (1, 2, 3)),
        again=(RunAgain(window=Window(day[2], day[3])), RunAgain(window=Window(day[3], day[5]))),
    )

    found = exercised_rows(
        bench.warehouse, table, policy(keys=[], span={"start": "from", "end": "until"}, where="kind = 'a'"), asked
    )

    assert [(one.spanning, one.beside) for one in found.boundaries] == [(0, True), (2, True), (2, True)]
    assert ([one.over for one in found.again], found.spanning, found.over) == ([1, 1], 3, 2)
    assert exercised_rows(bench.warehouse, table, policy(keys=[]), asked) == asked


def test_names_that_need_quoting_are_quoted(bench: Bench) -> None:
    """Reserved words, unicode, and the names that the statements use themselves."""
    columns = "`select` INT64, `net` STRING, `näme` FLOAT64, `side` INT64, `key` INT64, `h1` DATE"
    left = bench.table(columns, "1, 'a', 1.5, 1, 1, DATE '2020-01-01'")
    right = bench.table(columns, "1, 'a', 2.5, 1, 1, DATE '2020-01-01'")
    declared = policy(keys=["select", "net"], day="h1", dimensions=["key"], where="`side` = 1")

    verdict = bench.verdict(left, right, declared)

    assert isinstance(verdict, Different)
    assert [column.name for column in verdict.explanation.columns] == ["näme"]


@pytest.mark.parametrize("columns", [1, 60])
def test_narrow_and_wide_tables_work(bench: Bench, columns: int) -> None:
    """One column, or many."""
    declared = ", ".join(f"c{i} INT64" for i in range(columns))
    left = bench.table(declared, ", ".join("1" for _ in range(columns)))
    right = bench.table(declared, ", ".join(["1"] * (columns - 1) + ["2"]))

    assert bench.answer(left, left, ComparisonPolicy()) == "IDENTICAL"
    assert bench.answer(left, right, ComparisonPolicy()) == "DIFFERENT"


def test_a_long_text_is_compared_whole_and_shown_in_part(bench: Bench) -> None:
    """The difference is behind what a sample shows."""
    left, right = bench.table("id INT64, v STRING"), bench.table("id INT64, v STRING")
    for table, end in ((left, "a"), (right, "b")):
        insert = f"INSERT INTO {table.sql} SELECT 1, CONCAT(REPEAT('x', 1000000), '{end}')"
        bench.warehouse.query(Statement(sql=insert))

    verdict = bench.verdict(left, right, policy())

    assert isinstance(verdict, Different)
    assert len(verdict.explanation.samples[0].left or "") < 2001


def test_distances_are_counted_by_power_of_ten(bench: Bench) -> None:
    """Below one and above, on the boundary, and not at all where there is no distance."""
    changed = {1: 1.0, 2: 1.5, 3: 9.999, 4: 10.0, 5: 0.05, 6: 2e300, 7: "CAST('nan' AS FLOAT64)", 8: "NULL"}
    left = bench.table("id INT64, v FLOAT64, t STRING", *(f"{i}, 0.0, 'a'" for i in changed))
    right = bench.table("id INT64, v FLOAT64, t STRING", *(f"{i}, {value}, 'b'" for i, value in changed.items()))

    verdict = bench.verdict(left, right, policy())

    assert isinstance(verdict, Different)
    assert {column.name: column.histogram for column in verdict.explanation.columns} == {
        "v": ((-2, 1), (0, 3), (1, 1), (300, 1)),
        "t": (),
    }
