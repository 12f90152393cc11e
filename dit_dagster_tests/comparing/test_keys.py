"""Repeated keys of large tables: a sample is looked at first, and all are counted where one in it is repeated."""

from __future__ import annotations

from dit_dagster.comparing import compare_tables, digest
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Identical, Verdict
from dit_dagster.ports import Statement, Warehouse

BY_ID = ComparisonPolicy(keys=("id",))
ROWS = 300_000
DAY = "DATE_ADD(DATE '2020-01-01', INTERVAL MOD(id, 3) DAY)"
EVERY = f"SELECT id, CONCAT('v', id) AS v, {DAY} AS day FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS id"
DOUBLED = f"{EVERY} UNION ALL SELECT * FROM ({EVERY}) WHERE id <= 100"
ANOTHER_DAY = f"{EVERY} UNION ALL SELECT id, v, DATE '2020-02-01' FROM ({EVERY}) WHERE id <= 100"


def table(warehouse: Warehouse, dataset: DatasetName, name: str, rows: str) -> TableName:
    found = dataset.table(name)
    warehouse.query(Statement(sql=f"CREATE OR REPLACE TABLE {found.sql} AS {rows}"))
    return found


def counted(verdict: Verdict) -> list[tuple[int | None, bool]]:
    """Of both sides: the repeated keys, and whether a sample of keys stands for all."""
    return [(side.duplicate_keys, bool(side.sampled_keys)) for side in (verdict.evidence.left, verdict.evidence.right)]


def test_a_sample_without_repeats_stands_for_all_keys(warehouse: Warehouse, dataset: DatasetName) -> None:
    """About one in sixteen of them was looked at, and the verdict says how many."""
    left, right = (table(warehouse, dataset, name, EVERY) for name in ("l", "r"))

    verdict = compare_tables(warehouse, left, right, BY_ID)

    assert isinstance(verdict, Identical)
    assert (counted(verdict), verdict.evidence.warnings) == ([(None, True), (None, True)], ())
    assert ROWS / 20 < (verdict.evidence.left.sampled_keys or 0) < ROWS / 12


def test_a_few_keys_with_all_the_rows_are_counted(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Three keys have all the rows: it may be that none of them is in the sample, so that it is too small."""
    taken, cost = digest(warehouse, table(warehouse, dataset, "t", EVERY), ComparisonPolicy(keys=("day",)))

    assert (taken.duplicate_keys, taken.sampled_keys, cost.statements) == (ROWS - 3, None, 2)


def test_one_repeat_in_the_sample_has_all_keys_counted(warehouse: Warehouse, dataset: DatasetName) -> None:
    """A hundred keys are repeated: that none of them is looked at has a chance of one in six hundred, once for all."""
    taken, cost = digest(warehouse, table(warehouse, dataset, "t", DOUBLED), BY_ID)

    assert (taken.duplicate_keys, taken.sampled_keys, cost.statements) == (100, None, 2)


def test_an_exact_comparison_counts_all_keys(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Whatever it costs."""
    left, right = (table(warehouse, dataset, name, DOUBLED) for name in ("l", "r"))

    assert counted(compare_tables(warehouse, left, right, BY_ID, exact=True)) == [(100, False), (100, False)]


def test_rows_that_one_side_has_twice_are_told(warehouse: Warehouse, dataset: DatasetName) -> None:
    """By how much the repeated keys differ is known from the rows in question, whatever the sample holds."""
    left, right = table(warehouse, dataset, "l", EVERY), table(warehouse, dataset, "r", DOUBLED)

    there, back = compare_tables(warehouse, left, right, BY_ID), compare_tables(warehouse, right, left, BY_ID)

    assert isinstance(there, Different)
    assert isinstance(back, Different)
    assert [each.explanation.multiplicity for each in (there, back)] == [100, 100]
    assert [[cause.name for cause in each.explanation.causes] for each in (there, back)] == [
        ["doubled rows"],
        ["doubled rows"],
    ]
    assert all("100 " in " ".join(each.evidence.warnings) for each in (there, back))


def test_a_key_on_another_day_is_repeated_too(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Where only days that differ are looked at, its first row is on a day that does not."""
    left, right = table(warehouse, dataset, "l", EVERY), table(warehouse, dataset, "r", ANOTHER_DAY)

    verdict = compare_tables(warehouse, left, right, ComparisonPolicy(keys=("id",), day="day"))

    assert isinstance(verdict, Different)
    assert verdict.explanation.only_right == 100
    assert counted(verdict) == [(0, False), (100, False)]


def test_keys_of_one_fingerprint_are_not_repeats(warehouse: Warehouse, dataset: DatasetName) -> None:
    """These two texts share the fingerprint by which rows are looked for; keys are counted by what they are."""
    many = "SELECT CONCAT('k', id) AS id, 'v' AS v FROM UNNEST(GENERATE_ARRAY(1, 60000)) AS id"
    alike = "SELECT 'abcdefg1abcdefg1', 'v' UNION ALL SELECT 'abcdefgqabcdefgq', 'v'"
    left, right = table(warehouse, dataset, "l", many), table(warehouse, dataset, "r", f"{many} UNION ALL {alike}")

    verdict = compare_tables(warehouse, left, right, BY_ID)

    assert isinstance(verdict, Different)
    assert (verdict.explanation.only_right, [each.name for each in verdict.explanation.causes]) == (2, ["added rows"])
    assert (counted(verdict), verdict.evidence.warnings) == ([(0, False), (0, False)], ())


def test_a_key_that_is_ignored_with_the_struct_around_it_is_read(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Rows of large tables are looked for by key, though others pair them and nobody compares it."""
    rows = "SELECT STRUCT(id AS hash) AS s, id, {} AS v FROM UNNEST(GENERATE_ARRAY(1, 60000)) AS id"
    left, right = (
        table(warehouse, dataset, name, rows.format(v)) for name, v in (("l", "1"), ("r", "IF(id = 5, 2, 1)"))
    )
    policy = ComparisonPolicy(
        keys=("s.hash",), alternate_keys=("id",), content_hash_key=True, ignore={"s": "a hash of what is compared"}
    )

    verdict = compare_tables(warehouse, left, right, policy)

    assert isinstance(verdict, Different), verdict
    assert verdict.explanation.changed == 1
