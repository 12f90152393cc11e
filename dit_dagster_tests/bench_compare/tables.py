"""The tables that are compared: wide ones for times, small ones for traps 1 to 14."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

CASES: Mapping[str, str] = {
    "identical": "SELECT * FROM l",
    "0.1 % changed": "SELECT * REPLACE (IF(hash(id) % 1000 = 0, a + 1, a) AS a) FROM l",
    "1 % missing": "SELECT * FROM l WHERE hash(id) % 100 <> 0",
}
"""The right-hand table of each case, made from the left one."""

_WIDE = """
SELECT i AS id, DATE '2013-01-01' + (hash(i) % 365)::INT AS day, 'kind ' || (hash(i + 1) % 100) AS kind,
  'name of ' || hash(i + 2) AS name, TIMESTAMP '2013-01-01' + to_seconds((hash(i + 3) % 31536000)::BIGINT) AS at,
  (hash(i + 4) % 1000000) / 1000 AS a, (hash(i + 5) % 1000000) / 7 AS b, (hash(i + 6) % 1000000000)::BIGINT AS n
FROM range({rows}) AS series(i)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two tables `l` and `r`: in one DuckDB file, and each as Parquet."""

    name: str
    database: Path
    left: Path
    right: Path
    keys: tuple[str, ...] = ("id",)
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Two small tables and what is true of them: `equal`, `different`, or `neither` where nothing can be said."""

    number: int
    what: str
    left: str
    right: str
    truth: str
    policy: Mapping[str, Any] = field(default_factory=dict)


TRAPS = (
    Trap(
        number=1,
        what="one row against three copies",
        left="SELECT 1 AS id, 'a' AS v",
        right="SELECT 1 AS id, 'a' AS v FROM range(3)",
        truth="different",
    ),
    Trap(
        number=2,
        what="other rows under a NULL key",
        left="SELECT * FROM (VALUES (NULL::INT, 'a'), (1, 'b')) AS t(id, v)",
        right="SELECT * FROM (VALUES (NULL::INT, 'z'), (1, 'b')) AS t(id, v)",
        truth="different",
    ),
    Trap(
        number=3,
        what="empty against empty",
        left="SELECT 1 AS id, 'a' AS v WHERE FALSE",
        right="SELECT 1 AS id, 'a' AS v WHERE FALSE",
        truth="neither",
    ),
    Trap(
        number=4,
        what="a column on one side only",
        left="SELECT 1 AS id, 'a' AS v, 2 AS w",
        right="SELECT 1 AS id, 'a' AS v",
        truth="different",
    ),
    Trap(
        number=5,
        what="a tolerance on v, a difference in w",
        left="SELECT 1 AS id, 1.0::DOUBLE AS v, 1.0::DOUBLE AS w",
        right="SELECT 1 AS id, 1.05::DOUBLE AS v, 1.05::DOUBLE AS w",
        truth="different",
        policy={"columns": {"v": {"tolerance": {"abs": 0.1}}}},
    ),
    Trap(
        number=6,
        what="1.0 against 1.0000001, no tolerance asked for",
        left="SELECT 1 AS id, 1.0::DOUBLE AS v",
        right="SELECT 1 AS id, 1.0000001::DOUBLE AS v",
        truth="different",
    ),
    Trap(
        number=7,
        what="2^53 against 2^53 + 1",
        left="SELECT 1 AS id, 9007199254740992 AS v",
        right="SELECT 1 AS id, 9007199254740993 AS v",
        truth="different",
    ),
    Trap(
        number=7,
        what="NaN against NaN",
        left="SELECT 1 AS id, 'nan'::DOUBLE AS v",
        right="SELECT 1 AS id, 'nan'::DOUBLE AS v",
        truth="equal",
    ),
    Trap(
        number=8,
        what="a NULL struct against a struct of NULLs",
        left="SELECT 1 AS id, NULL::STRUCT(x INT) AS v",
        right="SELECT 1 AS id, {'x': NULL::INT} AS v",
        truth="different",
    ),
    Trap(
        number=9,
        what="every added row twice: XOR cancels",
        left="SELECT 1 AS id, 'a' AS v",
        right="SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, 'b')) AS t(id, v)",
        truth="different",
    ),
    Trap(
        number=10,
        what="('a', 'bc') against ('ab', 'c')",
        left="SELECT 1 AS id, 'a' AS v, 'bc' AS w",
        right="SELECT 1 AS id, 'ab' AS v, 'c' AS w",
        truth="different",
    ),
    Trap(
        number=11,
        what="the last key differs",
        left="SELECT i AS id, 'a' AS v FROM range(100) AS s(i)",
        right="SELECT i AS id, IF(i = 99, 'b', 'a') AS v FROM range(100) AS s(i)",
        truth="different",
    ),
    Trap(
        number=12,
        what="a difference in an ARRAY",
        left="SELECT 1 AS id, [1, 2] AS v",
        right="SELECT 1 AS id, [1, 3] AS v",
        truth="different",
    ),
    Trap(
        number=13,
        what="rows of one key in another order",
        left="SELECT * FROM (VALUES (1, 'a'), (1, 'b')) AS t(id, v)",
        right="SELECT * FROM (VALUES (1, 'b'), (1, 'a')) AS t(id, v)",
        truth="equal",
    ),
    Trap(
        number=14,
        what="JSON in a STRING, keys in another order",
        left="""SELECT 1 AS id, '{"a": 1, "b": 2}' AS v""",
        right="""SELECT 1 AS id, '{"b": 2, "a": 1}' AS v""",
        truth="equal",
        policy={"columns": {"v": "json"}},
    ),
)


def wide_pairs(folder: Path, rows: int) -> list[Pair]:
    """One pair for each case, of `rows` rows and eight columns."""
    left = folder / "l.parquet"
    duckdb.sql(f"COPY ({_WIDE.format(rows=rows)}) TO '{left}' (FORMAT parquet)")
    return [_pair(folder, name, f"SELECT * FROM '{left}'", right) for name, right in CASES.items()]


def trap_pairs(folder: Path) -> list[tuple[Trap, Pair]]:
    """A pair of tables for each trap."""
    return [
        (trap, _pair(folder, f"trap {place}", trap.left, trap.right, trap.policy)) for place, trap in enumerate(TRAPS)
    ]


def _pair(folder: Path, name: str, left: str, right: str, policy: Mapping[str, Any] | None = None) -> Pair:
    place = folder / "".join(each if each.isalnum() else "_" for each in name)
    place.mkdir()
    pair = Pair(
        name=name,
        database=place / "both.duckdb",
        left=place / "l.parquet",
        right=place / "r.parquet",
        policy=policy or {},
    )
    with duckdb.connect(str(pair.database)) as connection:
        for side, query, file in (("l", left, pair.left), ("r", right, pair.right)):
            connection.execute(f"CREATE TABLE {side} AS {query}")
            connection.execute(f"COPY {side} TO '{file}' (FORMAT parquet)")
    return pair
