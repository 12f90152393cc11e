"""Families of rows that are alike in ways in which real rows are, by number: GoogleSQL over `i`.

A hash that is weak somewhere is weak for structure: digits that count up, blocks of eight bytes, common beginnings and
ends, NULL beside the value it is hashed to. Random values show none of it.
"""

from __future__ import annotations

from collections.abc import Mapping

NULLS_TWIN = -2930909409056394622
"""What DuckDB's HASH gives the hash of NULL."""

_DATE = "DATE_ADD(DATE '0001-01-01', INTERVAL MOD(i, 3650000) DAY)"
_SEVEN = "LPAD(CAST(i AS STRING), 7, '0')"

_EIGHT = "CAST(20140000 + i AS STRING)"
_HALF = "LPAD(CAST(DIV(i, 2) AS STRING), 7, '0')"
_MARK = "SUBSTR('1q', 1 + MOD(i, 2), 1)"
_BLOCK = "LPAD(CAST(DIV(i, 16) AS STRING), 8, '0')"

Family = Mapping[str, tuple[str, str]]
"""By column: its type and its value."""

FAMILIES: Mapping[str, Family] = {
    "a number twice": {
        "a": ("STRING", "'9000030'"),
        "b": ("STRING", f"CONCAT({_SEVEN}, {_SEVEN})"),
    },
    "a day twice": {
        "a": ("STRING", "'9000030'"),
        "b": ("STRING", f"CONCAT({_EIGHT}, {_EIGHT})"),
    },
    "blocks that end alike": {"a": ("STRING", f"CONCAT({_HALF}, {_MARK}, {_HALF}, {_MARK})")},
    "a block among others": {
        "a": ("STRING", f"CONCAT(REPEAT('abcdefgh', MOD(i, 16)), {_BLOCK}, REPEAT('abcdefgh', 15 - MOD(i, 16)))"),
    },
    "a shifted text": {
        "a": (
            "STRING",
            "CONCAT(REPEAT('a', MOD(i, 64)), LPAD(CAST(DIV(i, 64) AS STRING), 8, '0'), REPEAT('a', 63 - MOD(i, 64)))",
        ),
    },
    "blocks that change places": {
        "a": (
            "STRING",
            "CONCAT(LPAD(CAST(MOD(i, 1000) AS STRING), 8, '0'), LPAD(CAST(DIV(i, 1000) AS STRING), 8, '0'))",
        ),
    },
    "ids with a beginning and an end": {
        "a": ("STRING", f"CONCAT('vessel-0000-', {_SEVEN}, '-2020-01-01')"),
        "b": ("STRING", "CONCAT('2020-01-01 00:00:00 ', CAST(MOD(i, 7) AS STRING))"),
    },
    "two columns end to end": {
        "a": ("STRING", "REPEAT('x', MOD(i, 40))"),
        "b": ("STRING", "CONCAT(REPEAT('x', 40 - MOD(i, 40)), CAST(DIV(i, 40) AS STRING))"),
    },
    "a separator in a text": {
        "a": ("STRING", f"IF(MOD(i, 2) = 0, {_HALF}, CONCAT({_HALF}, '|'))"),
        "b": ("STRING", "IF(MOD(i, 2) = 0, '|', '')"),
    },
    "columns that change places": {
        "a": ("INT64", "DIV(i, 1000)"),
        "b": ("INT64", "MOD(i, 1000)"),
    },
    "texts that change places": {
        "a": ("STRING", "CAST(DIV(i, 1000) AS STRING)"),
        "b": ("STRING", "CAST(MOD(i, 1000) AS STRING)"),
    },
    "NULL and its twin": {
        "a": ("INT64", f"CASE MOD(i, 3) WHEN 0 THEN NULL WHEN 1 THEN {NULLS_TWIN} ELSE 0 END"),
        "b": ("INT64", "DIV(i, 3)"),
    },
    "NULL and no characters": {
        "a": ("STRING", "CASE MOD(i, 4) WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'NULL' ELSE '~' END"),
        "b": ("INT64", "DIV(i, 4)"),
    },
    "numbers one after another": {"a": ("INT64", "9000000 + i")},
    "numbers of one bit more": {"a": ("INT64", "(i << 32) + (i << 8)"), "b": ("BOOL", "MOD(i, 2) = 0")},
    "floats side by side": {"a": ("FLOAT64", "1.0 + CAST(i AS FLOAT64) / 4503599627370496"), "b": ("FLOAT64", "0.5")},
    "decimals": {"a": ("NUMERIC", "CAST(i - 50000 AS NUMERIC) / 100")},
    "days and times": {
        "a": ("DATE", f"{_DATE}"),
        "b": ("TIMESTAMP", "TIMESTAMP_SECONDS(i)"),
        "c": ("TIMESTAMP", "TIMESTAMP_SECONDS(i + 1)"),
    },
    "a row of every kind": {
        "a": ("INT64", "DIV(i, 100)"),
        "b": ("STRING", "CAST(MOD(i, 100) AS STRING)"),
        "c": ("DATE", "DATE '2020-01-01'"),
        "d": ("FLOAT64", "CAST(MOD(i, 100) AS FLOAT64)"),
        "e": ("BOOL", "IF(MOD(i, 3) = 0, NULL, TRUE)"),
    },
}


def family_sql(family: Family) -> str:
    """The distinct rows of a family, of a table `numbers` that holds each `i`."""
    listed = ", ".join(f"CAST({value} AS {kind}) AS {name}" for name, (kind, value) in family.items())
    return f"SELECT DISTINCT {listed} FROM numbers"
