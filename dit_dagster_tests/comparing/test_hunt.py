"""The hunt for two rows that share half a hash, with the very expressions that a comparison puts into its statements.

n rows are n (n - 1) / 2 pairs, so each family is hashed and counted. `DIT_HUNT_ROWS` sets the rows of each family. The
hash must survive; the weak ones of weak_hashes.py must not, or the hunt would prove nothing. It takes DuckDB alone, as
the local engine would run the statement: millions of rows need not travel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from dit_dagster.comparing.rows import Engine, engine
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import Node, call, column, count, named, render, text
from dit_dagster.model.policy import Exact
from dit_dagster_tests.comparing.families import FAMILIES, Family, family_sql
from dit_dagster_tests.comparing.weak_hashes import WEAK

ROWS = int(os.environ.get("DIT_HUNT_ROWS", "100000"))
FEW = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunted:
    """How many distinct rows there are, and how many too few first halves, second halves and whole hashes."""

    rows: int
    first: int
    second: int
    both: int


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def columns_of(family: Family) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=kind, policy=Exact()) for name, (kind, _) in family.items())


def make(connection: duckdb.DuckDBPyConnection, sql: str, rows: int) -> None:
    """The table `t`, from GoogleSQL over `numbers`."""
    connection.execute(f"CREATE OR REPLACE TABLE numbers AS SELECT i FROM range({rows}) AS r(i)")
    connection.execute(f"CREATE OR REPLACE TABLE t AS {_local(sql)}")


def count_distinct(connection: duckdb.DuckDBPyConnection, hashed: exp.Select, *halves: Node) -> tuple[int, ...]:
    """The rows, the distinct values of each half, and those of both together."""
    whole = exp.Tuple(expressions=[half.copy() for half in halves])
    distinct = [exp.Count(this=exp.Distinct(expressions=[each.copy()])) for each in (*halves, whole)]
    counted = exp.select(*(named(each, f"n{i}") for i, each in enumerate((count(), *distinct))))
    (found,) = connection.execute(_local(render(counted.from_(hashed.subquery("r"))))).fetchall()
    return tuple(map(int, found))


def _local(sql: str) -> str:
    return sqlglot.transpile(sql, read="bigquery", write="duckdb")[0]


def hashed(spelling: Engine, columns: tuple[Column, ...], *beside: Node) -> exp.Select:
    first, second = spelling.hashes(columns, "t")
    return exp.select(named(first, "h1"), named(second, "h2"), *beside).from_("t")


def hunt(connection: duckdb.DuckDBPyConnection, family: Family, rows: int, spelling: Engine) -> Hunted:
    make(connection, family_sql(family), rows)
    halves = (column("h1", "r"), column("h2", "r"))
    there, *distinct = count_distinct(connection, hashed(spelling, columns_of(family)), *halves)
    first, second, both = (there - each for each in distinct)
    return Hunted(rows=there, first=first, second=second, both=both)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_two_rows_of_a_family_share_half_a_hash(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """None of all pairs, in either half: a sound one would need some billion rows to have a collision."""
    found = hunt(connection, FAMILIES[name], ROWS, engine("local"))

    assert found.rows > ROWS * 0.9
    assert (found.first, found.second, found.both) == (0, 0, 0)


@pytest.mark.parametrize(
    ("weak", "name"),
    [
        ("two orders", "a day twice"),
        ("two orders", "NULL and its twin"),
        ("one order", "blocks that end alike"),
        ("one order", "NULL and its twin"),
        ("one text", "a separator in a text"),
        ("one text", "NULL and no characters"),
    ],
)
def test_the_hunt_finds_what_a_weak_hash_takes_for_one(
    connection: duckdb.DuckDBPyConnection, weak: str, name: str
) -> None:
    """Both halves at once, so that two tables would have compared as identical."""
    assert hunt(connection, FAMILIES[name], FEW, WEAK[weak]).both > 0


SWAPS = """
SELECT g, s, IF(r = 0, x, y) AS a, IF((r = 0) = (s = 0), x, y) AS b
FROM (SELECT i AS g, s, r, {x} AS x, {y} AS y
  FROM numbers CROSS JOIN UNNEST([0, 1]) AS s CROSS JOIN UNNEST([0, 1]) AS r)
"""


@pytest.mark.parametrize(
    ("kind", "x", "y"),
    [("INT64", "i", "i + 1"), ("STRING", "CAST(i AS STRING)", "CONCAT(CAST(i AS STRING), 'x')")],
)
def test_values_that_change_rows_change_the_sums(
    connection: duckdb.DuckDBPyConnection, kind: str, x: str, y: str
) -> None:
    """(x, x) and (y, y) against (x, y) and (y, x): each column holds the same, and no two sums are equal."""
    groups, spelling = ROWS // 2, engine("local")
    make(connection, SWAPS.format(x=x, y=y), groups)
    columns = tuple(Column(name=name, type=kind, policy=Exact()) for name in ("a", "b"))
    keys = [column(name, "t") for name in ("g", "s")]
    sums = spelling.sums([column("h1", "t"), column("h2", "t")])
    summed = exp.select(*(named(each, f"s{i}") for i, each in enumerate(sums)))
    summed = summed.from_(hashed(spelling, columns, *keys).subquery("t")).group_by(*(each.copy() for each in keys))
    halves = [call("CONCAT_WS", text(" "), column(f"s{i}", "r"), column(f"s{i + 1}", "r")) for i in (0, 2)]

    assert count_distinct(connection, summed, *halves) == (2 * groups,) * 4
