"""How a table comparison says "identical" and is wrong: one test per trap, each with the case that must stay green."""

from __future__ import annotations

import pytest

from dit_dagster.comparing import compare_tables, digest
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Equivalent, Error, Incomparable, Outcome, SchemaDifferent, judged
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

BY_ID = ComparisonPolicy(keys=("id",))


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


def test_trap_01_multiplicity_is_part_of_the_verdict(bench: Bench) -> None:
    """Trap 1: one row against three identical copies, which a key join calls equal."""
    once = bench.table("id INT64, v STRING", "1, 'a'", "2, 'b'")
    thrice = bench.table("id INT64, v STRING", "1, 'a'", "1, 'a'", "1, 'a'", "2, 'b'")

    verdict = bench.verdict(once, thrice, BY_ID)

    assert isinstance(verdict, Different)
    assert (verdict.explanation.multiplicity, verdict.explanation.only_right) == (2, 0)
    assert verdict.evidence.right.duplicate_keys == 2
    assert bench.answer(thrice, thrice, BY_ID) == "IDENTICAL"


def test_trap_02_null_keys_are_values(bench: Bench) -> None:
    """Trap 2: rows whose key is NULL fall into no bucket."""
    columns = "a INT64, b STRING, v INT64"
    left = bench.table(columns, "NULL, 'x', 1", "NULL, NULL, 2", "1, 'x', 3")
    right = bench.table(columns, "NULL, 'x', 9", "NULL, NULL, 2", "1, 'x', 3")
    policy = ComparisonPolicy(keys=("a", "b"))

    verdict = bench.verdict(left, right, policy)

    assert isinstance(verdict, Different)
    assert verdict.explanation.changed == 1
    assert [sample.key for sample in verdict.explanation.samples] == [{"a": None, "b": "x"}]
    assert bench.answer(left, left, policy) == "IDENTICAL"


def test_trap_03_empty_against_empty_is_no_pass(bench: Bench) -> None:
    """Trap 3: two empty tables are inconclusive, unless the declaration allows them."""
    empty, other = bench.table("id INT64"), bench.table("id INT64")
    one = bench.table("id INT64", "1")

    assert bench.answer(empty, other) == "EMPTY"
    assert judged(bench.verdict(empty, other)) is Outcome.INCONCLUSIVE
    assert bench.answer(empty, one, ComparisonPolicy(allow_empty=True)) == "DIFFERENT"
    assert bench.answer(empty, other, ComparisonPolicy(allow_empty=True)) == "IDENTICAL"


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        pytest.param("id INT64", "1", id="missing"),
        pytest.param("id INT64, w STRING", "1, 'a'", id="renamed"),
        pytest.param("id INT64, v INT64", "1, 1", id="retyped"),
    ],
)
def test_trap_04_schemas_are_never_intersected(bench: Bench, columns: str, row: str) -> None:
    """Trap 4: a column that is missing, renamed or retyped on one side is a verdict of its own."""
    left = bench.table("id INT64, v STRING", "1, 'a'")
    right = bench.table(columns, row)

    verdict = bench.verdict(left, right, BY_ID)

    assert isinstance(verdict, SchemaDifferent)
    assert verdict.differences
    assert judged(verdict) is Outcome.FAIL


def test_trap_04_the_order_of_columns_does_not_matter(bench: Bench) -> None:
    """Trap 4, the other way round: layout is no difference, and names have no case."""
    left = bench.table("id INT64, v STRING", "1, 'a'")
    right = bench.table("V STRING, id INT64", "'a', 1")
    changed = bench.table("V STRING, id INT64", "'b', 1")

    assert bench.answer(left, right, BY_ID) == "IDENTICAL"
    assert bench.answer(left, changed, BY_ID) == "DIFFERENT"


def test_trap_05_a_tolerance_covers_its_own_column_only(bench: Bench) -> None:
    """Trap 5: a tolerance hides neither another column's difference nor a NULL."""
    columns = "id INT64, f FLOAT64, g FLOAT64"
    left = bench.table(columns, "1, 1.0, 1.0", "2, 2.0, 2.0")
    policy = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"f": {"tolerance": {"abs": 0.5}}}})

    verdict = bench.verdict(left, bench.table(columns, "1, 1.5, 1.0", "2, 2.0, 2.0"), policy)

    assert isinstance(verdict, Equivalent)
    assert verdict.explanation.within_tolerance == 1
    assert bench.answer(left, bench.table(columns, "1, 1.5, 1.25", "2, 2.0, 2.0"), policy) == "DIFFERENT"
    assert bench.answer(left, bench.table(columns, "1, NULL, 1.0", "2, 2.0, 2.0"), policy) == "DIFFERENT"
    assert bench.answer(left, bench.table(columns, "1, 1.5625, 1.0", "2, 2.0, 2.0"), policy) == "DIFFERENT"


def test_trap_06_no_tolerance_unless_declared(bench: Bench) -> None:
    """Trap 6: the last bit counts, and every tolerance is shown in the verdict."""
    left = bench.table("id INT64, f FLOAT64", "1, 0.3")
    right = bench.table("id INT64, f FLOAT64", "1, 0.1 + CAST('0.2' AS FLOAT64)")
    policy = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"f": {"tolerance": {"rel": 1e-15}}}})

    assert bench.answer(left, right, BY_ID) == "DIFFERENT"
    verdict = bench.verdict(left, right, policy)
    assert isinstance(verdict, Equivalent)
    assert verdict.evidence.policy.columns == policy.columns


def test_trap_07_values_are_compared_as_their_type(bench: Bench) -> None:
    """Trap 7: NaN, infinities and -0.0 equal themselves; 2^53 and 2^53 + 1 do not meet in a float."""
    columns = "id INT64, f FLOAT64, i INT64"
    special = [f"CAST('{text}' AS FLOAT64)" for text in ("nan", "inf", "-inf", "0.0")]
    left = bench.table(columns, *(f"{i}, {value}, 9007199254740992" for i, value in enumerate(special)))
    negative = [*special[:3], "CAST('-0.0' AS FLOAT64)"]
    right = bench.table(columns, *(f"{i}, {value}, 9007199254740992" for i, value in enumerate(negative)))
    one_more = bench.table(columns, *(f"{i}, {value}, 9007199254740993" for i, value in enumerate(special)))
    bitwise = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"f": "bitwise"}})

    assert bench.answer(left, right, BY_ID) == "IDENTICAL"
    assert bench.answer(left, right, bitwise) == "DIFFERENT"
    verdict = bench.verdict(left, one_more, BY_ID)
    assert isinstance(verdict, Different)
    (column,) = verdict.explanation.columns
    assert (column.name, column.mismatches, column.max_abs) == ("i", 4, 1.0)


def test_trap_07_a_date_is_not_its_text(bench: Bench) -> None:
    """Trap 7: DATE against the same text is a difference of schema."""
    left = bench.table("d DATE", "DATE '2020-01-01'")
    right = bench.table("d STRING", "'2020-01-01'")

    assert bench.answer(left, right) == "SCHEMA_DIFFERENT"
    assert bench.answer(left, left) == "IDENTICAL"


NESTED = "id INT64, s STRUCT<x INT64, y STRING>, a ARRAY<INT64>, r ARRAY<STRUCT<x FLOAT64, y STRING>>"


@pytest.mark.parametrize(
    ("left", "right", "named"),
    [
        pytest.param("NULL, [1], []", "STRUCT(NULL, NULL), [1], []", "s", id="null struct"),
        pytest.param("STRUCT(1, 'a'), [1], []", "STRUCT(2, 'a'), [1], []", "s.x", id="leaf"),
        pytest.param("NULL, [1, 2], []", "NULL, [2, 1], []", "a", id="order"),
        pytest.param("NULL, [1], [STRUCT(1.5, 'a')]", "NULL, [1], [STRUCT(1.5, 'b')]", "r[].y", id="within an array"),
        pytest.param("NULL, [1], [STRUCT(1.0, 'a')]", "NULL, [1], []", "r r[].x r[].y", id="array and no array"),
    ],
)
def test_trap_08_nested_values_are_compared_leaf_by_leaf(bench: Bench, left: str, right: str, named: str) -> None:
    """Trap 8: a NULL STRUCT is no STRUCT of NULLs, and the order within an ARRAY counts."""
    first, second = (bench.table(NESTED, f"1, {row}") for row in (left, right))

    verdict = bench.verdict(first, second, BY_ID)

    assert isinstance(verdict, Different)
    assert [column.name for column in verdict.explanation.columns] == named.split()


def test_trap_08_what_is_equal_although_it_looks_different(bench: Bench) -> None:
    """Trap 8, the other way round: NULL and empty ARRAY, -0.0 within one, and any order where the policy says so."""
    left = bench.table(NESTED, "1, NULL, NULL, [STRUCT(0.0, 'a')]", "2, NULL, [1, 2, 2], []")
    right = bench.table(NESTED, "1, NULL, [], [STRUCT(CAST('-0.0' AS FLOAT64), 'a')]", "2, NULL, [2, 1, 2], []")
    fewer = bench.table(NESTED, "1, NULL, [], [STRUCT(0.0, 'a')]", "2, NULL, [2, 1, 1], []")
    unordered = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"a": "unordered"}})

    assert bench.answer(left, right, unordered) == "IDENTICAL"
    assert bench.answer(left, fewer, unordered) == "DIFFERENT"


def test_trap_09_doubled_rows_do_not_cancel(bench: Bench) -> None:
    """Trap 9: under XOR every row that is doubled cancels itself."""
    once = bench.table("id INT64", "1", "2")
    doubled = bench.table("id INT64", "1", "2", "3", "3")

    assert bench.answer(once, doubled) == "DIFFERENT"
    assert bench.answer(doubled, bench.table("id INT64", "3", "2", "1", "3")) == "IDENTICAL"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("'a', 'bc'", "'ab', 'c'", id="concatenation"),
        pytest.param("'a ', 'b'", "'a', 'b'", id="trailing space"),
        pytest.param("'A', 'b'", "'a', 'b'", id="case"),
        pytest.param("NULL, 'b'", "'', 'b'", id="null and empty"),
        pytest.param("'null', 'b'", "NULL, 'b'", id="null and its text"),
        pytest.param("'a\",\"b', 'c'", "'a', 'b\",\"c'", id="quotes"),
        pytest.param("'\u00e9', 'b'", "'e\u0301', 'b'", id="normal form"),
    ],
)
def test_trap_10_rows_are_encoded(bench: Bench, left: str, right: str) -> None:
    """Trap 10: columns run together, spaces trimmed, case folded."""
    first, second = (bench.table("a STRING, b STRING", row) for row in (left, right))

    assert bench.answer(first, second) == "DIFFERENT"
    assert bench.answer(first, first) == "IDENTICAL"


@pytest.mark.parametrize("lost", [0, 49], ids=["first", "last"])
def test_trap_11_the_ends_of_the_key_range_count(bench: Bench, lost: int) -> None:
    """Trap 11: a half-open interval leaves out the last key."""
    rows = [f"{i}, 'v'" for i in range(50)]
    left = bench.table("id INT64, v STRING", *rows)
    right = bench.table("id INT64, v STRING", *(row for i, row in enumerate(rows) if i != lost))

    verdict = bench.verdict(left, right, BY_ID)

    assert isinstance(verdict, Different)
    assert verdict.explanation.only_left == 1
    assert [sample.key for sample in verdict.explanation.samples] == [{"id": str(lost)}]


def test_trap_12_what_is_not_covered_is_named(bench: Bench) -> None:
    """Trap 12: nothing is left out with a warning; what is left out was declared, with its reason."""
    left = bench.table("id INT64, v STRING", "1, 'a'")
    right = bench.table("id INT64, v STRING", "1, 'b'")
    misfit = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"v": {"tolerance": {"abs": 1}}}})

    verdict = bench.verdict(left, right, misfit)

    assert isinstance(verdict, Incomparable)
    assert "column v:" in verdict.reason
    assert judged(verdict) is Outcome.INCONCLUSIVE
    declared = bench.verdict(left, right, ComparisonPolicy(keys=("id",), ignore={"v": "written by hand"}))
    assert judged(declared) is Outcome.PASS
    assert declared.evidence.ignored == {"v": "written by hand"}


def test_trap_13_physical_order_is_no_difference(bench: Bench) -> None:
    """Trap 13: duplicates in another order."""
    rows = ["1, 'a'", "1, 'b'", "1, 'a'", "NULL, 'c'", "NULL, 'c'"]
    left = bench.table("id INT64, v STRING", *rows)
    right = bench.table("id INT64, v STRING", *reversed(rows))
    other = bench.table("id INT64, v STRING", *rows[:3], "NULL, 'c'", "NULL, 'd'")

    assert bench.answer(left, right, BY_ID) == "IDENTICAL"
    verdict = bench.verdict(left, other, BY_ID)
    assert isinstance(verdict, Different)
    assert verdict.explanation.changed == 1


def test_trap_14_json_in_a_string_is_compared_by_meaning(bench: Bench) -> None:
    """Trap 14: key order, spaces, escapes and the spelling of numbers are no change of meaning; values are."""
    left = bench.table("id INT64, p STRING", """1, '{"a": 1, "b": [1.0, {"c": "é"}]}'""", "2, 'no json'", "3, NULL")
    same = bench.table("id INT64, p STRING", """1, '{"b":[1,{"c":"\\\\u00e9"}],"a":1.0}'""", "2, 'no json'", "3, NULL")
    other = bench.table("id INT64, p STRING", """1, '{"b":[{"c":"é"},1],"a":1}'""", "2, 'no  json'", "3, 'null'")
    policy = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"p": "json"}})

    assert bench.answer(left, same, BY_ID) == "DIFFERENT"
    assert bench.answer(left, same, policy) == "IDENTICAL"
    verdict = bench.verdict(left, other, policy)
    assert isinstance(verdict, Different)
    assert verdict.explanation.changed == 3


def test_trap_49_texts_that_a_weak_hash_takes_for_one_are_told_apart(bench: Bench) -> None:
    """Trap 49: two rows of texts whose eight-byte blocks change alike, which the engine's own hash calls equal."""
    columns = "a STRING, b STRING"
    left = bench.table(columns, "'9000030', '2014071220140712'")
    right = bench.table(columns, "'9000030', '2014071520140715'")

    assert bench.answer(left, right) == "DIFFERENT"
    assert bench.answer(left, right, ComparisonPolicy(keys=("a",))) == "DIFFERENT"
    assert bench.answer(left, bench.table(columns, "'9000030', '2014071220140712'")) == "IDENTICAL"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT64", "-2930909409056394622"),
        ("INT64", "0"),
        ("INT64", "-9223372036854775808"),
        ("FLOAT64", "CAST('NaN' AS FLOAT64)"),
        ("FLOAT64", "0.0"),
        ("BOOL", "FALSE"),
        ("STRING", "''"),
        ("STRING", "'NULL'"),
        ("STRING", "CODE_POINTS_TO_STRING([0])"),
        ("STRING", "CODE_POINTS_TO_STRING([1])"),
        ("STRING", "'~'"),
        ("BYTES", "b''"),
        ("NUMERIC", "NUMERIC '0'"),
        ("DATE", "DATE '1970-01-01'"),
        ("TIMESTAMP", "TIMESTAMP '1970-01-01 00:00:00+00'"),
        ("JSON", "JSON 'null'"),
    ],
)
def test_trap_50_null_is_outside_the_values_of_every_type(bench: Bench, kind: str, value: str) -> None:
    """Trap 50: NULL and the one number that it is hashed to, or whatever value stands for it in an encoding."""
    columns = f"id INT64, v {kind}, w {kind}"
    first, second = bench.table(columns, f"1, {value}, NULL"), bench.table(columns, f"1, NULL, {value}")
    nothing = bench.table(columns, "1, NULL, NULL")

    for other in (second, nothing):
        verdict = bench.verdict(first, other, BY_ID)
        assert isinstance(verdict, Different)
        assert verdict.explanation.changed == 1
        assert bench.answer(first, other) == "DIFFERENT"
    assert bench.answer(first, bench.table(columns, f"1, {value}, NULL"), BY_ID) == "IDENTICAL"
    assert bench.answer(nothing, bench.table(columns, "1, NULL, NULL")) == "IDENTICAL"


@pytest.mark.parametrize("text", ['{"a":1,}', "[1,]", "NaN", "[Infinity]", "{'a':1}", "[01]", "[1] ]", '{"a":1}x'])
def test_trap_51_text_that_is_no_json_is_compared_as_it_stands(bench: Bench, text: str) -> None:
    """Trap 51: a lenient reader takes what is no JSON for JSON, and two texts for one document."""
    columns, policy = "id INT64, p STRING", ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"p": "json"}})
    left = bench.table(columns, f'1, """{text}"""')
    spaced = bench.table(columns, f'1, """ {text}"""')

    assert bench.answer(left, spaced, policy) == "DIFFERENT"
    assert bench.answer(left, bench.table(columns, f'1, """{text}"""'), policy) == "IDENTICAL"
    document = bench.table(columns, """1, '{"a":1}'""")
    assert bench.answer(left, document, policy) == "DIFFERENT"
    assert bench.answer(document, bench.table(columns, """1, '{"a": 1 }'"""), policy) == "IDENTICAL"


def test_trap_51_a_pass_that_what_was_counted_contradicts_is_an_error(bench: Bench) -> None:
    """Trap 51: the digests say that other rows differ than those that were found to be within the tolerance."""
    columns = "id INT64, v FLOAT64"
    policy = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"v": {"tolerance": {"abs": 0.1}}}})
    left, right = bench.table(columns, "1, 1.0", "2, 5.0"), bench.table(columns, "1, 1.05", "2, 5.0")
    before = digest(bench.warehouse, bench.table(columns, "1, 1.0", "2, 9.0"), policy)[0]
    own = digest(bench.warehouse, left, policy)[0]

    verdict = compare_tables(bench.warehouse, left, right, policy, left_digest=before)

    assert isinstance(verdict, Error)
    assert "not those by which the digests differ" in verdict.reason
    assert isinstance(compare_tables(bench.warehouse, left, right, policy, left_digest=own), Equivalent)
    assert bench.answer(left, right, policy) == "EQUIVALENT"
