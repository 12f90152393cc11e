from __future__ import annotations

from typing import Any

import sqlglot

from dit_dagster.adapters.local_gcp.patches.parsing import looking, owning, remembered
from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

SQL = "SELECT a, b FROM t WHERE a > 1"


def test_a_statement_is_parsed_once_and_every_caller_has_a_tree_of_its_own() -> None:
    """What one stage of the emulator does to its tree does not reach the next."""
    parsed: list[str] = []

    def counted(dialect: Any, sql: str, **options: Any) -> Any:
        parsed.append(sql)
        return dialect.parser(**options).parse(dialect.tokenize(sql), sql)

    parse = remembered(counted)
    dialect = sqlglot.Dialect.get_or_raise("bigquery")
    [first] = parse(dialect, SQL)
    first.find(sqlglot.exp.Where).pop()
    [second] = parse(dialect, SQL)

    assert (parsed, second.sql("bigquery")) == ([SQL], SQL)


def test_one_text_in_two_dialects_is_two_statements() -> None:
    """A dialect decides what a text means."""
    parse = remembered(lambda dialect, sql, **_: dialect.parser().parse(dialect.tokenize(sql), sql))
    texts = [
        parse(sqlglot.Dialect.get_or_raise(name), 'SELECT "a"')[0].sql("bigquery") for name in ("bigquery", "duckdb")
    ]

    assert texts == ["SELECT 'a'", "SELECT `a`"]


def test_those_that_only_look_share_a_tree_that_those_that_change_it_do_not_see() -> None:
    """Looking costs no copy; a tree that was looked at is still given away as a copy."""
    parse = remembered(lambda dialect, sql, **_: dialect.parser().parse(dialect.tokenize(sql), sql))
    dialect = sqlglot.Dialect.get_or_raise("bigquery")
    [one], [other] = looking(parse)(dialect, SQL), looking(parse)(dialect, SQL)
    [own] = parse(dialect, SQL)

    assert one is other
    assert own is not one


def test_answers_are_the_same_with_it_and_without_it(emulator: Emulator) -> None:
    """It changes the time that a statement takes, and nothing else."""
    emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT 1 AS x UNION ALL SELECT 2")
    twice = [emulator.run("SELECT SUM(x) FROM d.t") for _ in range(2)]

    assert twice == [[(3,)], [(3,)]]


def test_a_stage_that_owns_its_tree_leaves_none_behind() -> None:
    """It may change what it was given: nobody else sees that, and a tree that was kept before stays as it was."""
    parse = remembered(lambda dialect, sql, **_: dialect.parser().parse(dialect.tokenize(sql), sql))
    dialect = sqlglot.Dialect.get_or_raise("bigquery")
    for _ in range(2):
        [own] = owning(parse)(dialect, SQL)
        own.find(sqlglot.exp.Where).pop()
        [kept] = parse(dialect, SQL)

        assert kept.sql("bigquery") == SQL


def test_what_a_subquery_in_from_is_called_is_known_while_parsing(emulator: Emulator) -> None:
    """An array of it can be read by its alias, in any case and at any depth."""
    inner = "SELECT * FROM (SELECT [1, 2] AS a) AS Inside"

    assert emulator.run(f"SELECT y FROM ({inner}) AS Outside, outside.a AS y ORDER BY y") == [(1,), (2,)]


def test_a_stage_sees_the_texts_that_concern_it(emulator: Emulator) -> None:
    """TO_JSON beside TO_JSON_STRING, and a CREATE with a schema and a query, in small letters as well."""
    emulator.run("create table d.t (x int64, y string) as select 1, 'a'")

    assert emulator.run("SELECT TO_JSON_STRING(x), to_json(y) FROM d.t") == [("1", "a")]
