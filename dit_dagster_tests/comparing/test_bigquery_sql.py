"""The statements for BigQuery: its dialect, its functions, and nothing of the local engine."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from dit_dagster.comparing.counting import Input, digest_statement
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.residue import Question, residue_statement
from dit_dagster.comparing.rows import engine
from dit_dagster.comparing.schema import layout
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Field, Statement
from dit_dagster_tests.comparing.test_schema import facts

NUMBERS = ("INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC")
OTHERS = ("BOOL", "STRING", "BYTES", "DATE", "TIME", "DATETIME", "JSON", "INTERVAL", "RANGE<DATE>", "GEOGRAPHY")
TABLE = facts(
    Field(name="select", type="INT64"),
    Field(name="ts", type="TIMESTAMP"),
    *(Field(name=f"v_{kind.lower().partition('<')[0]}", type=kind) for kind in (*NUMBERS, *OTHERS)),
    Field(name="doc", type="STRING"),
    Field(name="s", type="STRUCT", fields=(Field(name="x", type="FLOAT64"),)),
    Field(name="tags", type="STRING", mode="REPEATED"),
    Field(
        name="r",
        type="STRUCT",
        mode="REPEATED",
        fields=(
            Field(name="x", type="FLOAT64"),
            Field(name="doc", type="JSON"),
            Field(name="legs", type="STRUCT", mode="REPEATED", fields=(Field(name="n", type="INT64"),)),
        ),
    ),
)
POLICY = ComparisonPolicy.model_validate(
    {
        "keys": ["select"],
        "day": "ts",
        "dimensions": ["v_string"],
        "where": "v_bool",
        "ignore": {"v_time": "differs by design"},
        "columns": {
            "v_float64": {"tolerance": {"abs": 0.1, "rel": 1e-9}},
            "v_int64": {"tolerance": {"abs": 1}},
            "v_bignumeric": {"tolerance": {"abs": 1e-20}},
            "doc": {"json": {"rel": 1e-9}},
            "tags": "unordered",
            "v_geography": {"metres": 1},
            "r[].x": {"tolerance": {"abs": 0.5}},
            "r[].doc": "json",
            "r[].legs[].n": {"tolerance": {"abs": 1}},
        },
        "span": {"start": "ts", "end": "v_date"},
        "expected_diff": {"where": "v_int64 > 1", "rows": 1},
    }
)
GOLDEN = Path(__file__).parent / "golden"


def statements() -> dict[str, Statement]:
    columns = layout(TABLE, POLICY, engine="bigquery")
    of = Input(table=TABLE.name, layout=columns, where=predicate("v_bool", columns=columns.names, what="where"))
    question = Question(
        left=of,
        right=of,
        days=(date(2020, 1, 1), None),
        boundaries=(date(2020, 1, 1),),
        expected=predicate("v_int64 > 1", columns=columns.names, what="where"),
    )
    spelling = engine("bigquery")
    return {"digest": digest_statement([of], spelling), "residue": residue_statement(question, spelling)}


@pytest.mark.parametrize("name", ["digest", "residue"])
def test_the_statement_is_the_one_that_was_reviewed(name: str) -> None:
    """A change of the canonical row shows here; it needs another DIGEST_VERSION. `golden/` holds the reviewed text."""
    pretty = ";\n".join(
        tree.sql(dialect="bigquery", pretty=True)
        for tree in sqlglot.parse(statements()[name].sql, read="bigquery")
        if tree is not None
    )
    golden = GOLDEN / f"{name}.sql"

    assert pretty + "\n" == golden.read_text()


@pytest.mark.parametrize("name", ["digest", "residue"])
def test_it_is_googlesql_with_every_name_quoted(name: str) -> None:
    """Reserved words may be columns; values travel as parameters."""
    trees = [tree for tree in sqlglot.parse(statements()[name].sql, read="bigquery") if tree is not None]

    called = {node.name.upper() for tree in trees for node in tree.find_all(exp.Anonymous)}
    assert not called & {"HASH", "LIST_EXTRACT", "LIST_TRANSFORM", "LIST_SORT", "JSON_TREE", "TYPEOF", "TRY"}
    assert not called & {"FROM_JSON", "LIST_ZIP", "LIST_MAX", "LIST_BOOL_AND", "FLATTEN", "STRUCT_EXTRACT_AT"}
    columns = [node for tree in trees for node in tree.find_all(exp.Column) if not isinstance(node.this, exp.Star)]
    assert all(column.this.quoted for column in columns)


def test_a_key_within_a_struct_is_a_field_of_it() -> None:
    """And no column whose name has a dot in it, which BigQuery does not have."""
    table = facts(Field(name="s", type="STRUCT", fields=(Field(name="id", type="INT64"),)))
    of = Input(table=table.name, layout=layout(table, ComparisonPolicy(keys=("s.id",)), engine="bigquery"))

    sql = digest_statement([of], engine("bigquery")).sql

    assert "GROUP BY (`t`.`s`).`id`" in sql


def test_days_and_boundaries_are_parameters() -> None:
    """With a plain range beside the list of days, which prunes partitions."""
    parameters = statements()["residue"].parameters

    assert parameters == {
        "boundaries": [date(2020, 1, 1)],
        "days": [date(2020, 1, 1)],
        "first": date(2020, 1, 1),
        "last": date(2020, 1, 2),
    }
