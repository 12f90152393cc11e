"""A schema read under a policy: what is compared, what is refused and by which name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dit_dagster.comparing.schema import differences, layout
from dit_dagster.errors import BadDeclaration, Uncomparable
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Field, TableFacts

NOW = datetime(2020, 1, 1, tzinfo=UTC)
ID = Field(name="id", type="INT64")


def facts(*fields: Field, kind: Any = "TABLE") -> TableFacts:
    name = TableName("project", "dataset", "table")
    return TableFacts(name=name, kind=kind, schema=fields, created=NOW, modified=NOW, etag="", rows=None, bytes=None)


def policy(**declared: Any) -> ComparisonPolicy:
    return ComparisonPolicy.model_validate(declared)


@pytest.mark.parametrize("kind", ["RANGE", "SOMETHING_NEW"])
def test_a_type_without_a_policy_is_refused_by_name(kind: str) -> None:
    """Never left out with a warning; left out only where that is declared."""
    table = facts(ID, Field(name="odd", type=kind))

    with pytest.raises(Uncomparable, match="column odd:"):
        layout(table, policy(), engine="bigquery")
    kept = layout(table, policy(ignore={"odd": "not ours"}), engine="bigquery")
    assert [column.name for column in kept.columns] == ["id"]


@pytest.mark.parametrize("kind", ["BIGNUMERIC", "GEOGRAPHY", "INTERVAL", "RANGE<DATE>"])
@pytest.mark.parametrize("mode", ["NULLABLE", "REPEATED"])
def test_what_the_local_engine_cannot_hold_is_refused_there_only(kind: str, mode: str) -> None:
    """A BIGNUMERIC has more digits than DuckDB's decimals; the others mean something else there, or nothing."""
    table = facts(ID, Field(name="v", type=kind, mode=mode))

    assert len(layout(table, policy(), engine="bigquery").columns) == 2
    with pytest.raises(Uncomparable, match=r"column v.*: the local engine cannot hold"):
        layout(table, policy(), engine="local")


def test_json_within_an_array_is_compared_by_bigquery_only() -> None:
    """The local engine sorts a document's keys by a table function, which the elements of an ARRAY cannot have."""
    table = facts(ID, Field(name="v", type="STRING", mode="REPEATED"), Field(name="w", type="JSON", mode="REPEATED"))
    loose = policy(columns={"v[]": "json"}, ignore={"w": "not ours"})

    assert len(layout(table, policy(columns={"v[]": "json"}), engine="bigquery").columns) == 3
    with pytest.raises(Uncomparable, match=r"column v\[\]: JSON within an ARRAY"):
        layout(table, loose, engine="local")
    with pytest.raises(Uncomparable, match="column w: JSON within an ARRAY"):
        layout(table, policy(), engine="local")


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("STRING", {"tolerance": {"abs": 1}}),
        ("TIMESTAMP", {"tolerance": {"abs": 1}}),
        ("INT64", "json"),
        ("INT64", "bitwise"),
        ("INT64", "unordered"),
        ("STRING", {"metres": 1}),
    ],
)
def test_a_policy_that_does_not_fit_its_type_is_refused_by_name(kind: str, declared: Any) -> None:
    """It would be ignored otherwise."""
    with pytest.raises(Uncomparable, match="column v:"):
        layout(facts(ID, Field(name="v", type=kind)), policy(columns={"v": declared}), engine="local")


@pytest.mark.parametrize(
    "declared",
    [
        {"keys": ["nope"]},
        {"columns": {"nope": "exact"}},
        {"columns": {"nope[].x": "exact"}},
        {"dimensions": ["nope"]},
        {"day": "nope"},
        {"alternate_keys": ["nope"]},
        {"span": {"start": "id", "end": "nope"}},
    ],
)
def test_a_column_that_is_not_there_is_a_wrong_declaration(declared: dict[str, Any]) -> None:
    """Whichever part of the policy names it."""
    with pytest.raises(BadDeclaration, match="nope"):
        layout(facts(ID), policy(**declared), engine="local")


def test_the_days_column_must_tell_a_day() -> None:
    """Anything but a date or a time with a date is a wrong declaration."""
    with pytest.raises(BadDeclaration, match="give a DATE"):
        layout(facts(ID), policy(day="id"), engine="local")


SAMPLES = Field(
    name="samples",
    type="STRUCT",
    mode="REPEATED",
    fields=(
        Field(name="Speed", type="FLOAT64"),
        Field(name="at", type="STRUCT", fields=(Field(name="lon", type="FLOAT64"),)),
        Field(name="tags", type="STRING", mode="REPEATED"),
        Field(name="legs", type="STRUCT", mode="REPEATED", fields=(Field(name="n", type="INT64"),)),
    ),
)


def test_an_array_of_structs_is_told_apart_into_the_fields_of_its_elements() -> None:
    """In a row it is one column; what is told of a difference names the field."""
    close = {"tolerance": {"abs": 1}}
    found = layout(
        facts(SAMPLES), policy(columns={"SAMPLES[].speed": close, "samples[].legs[].n": close}), engine="local"
    )

    assert [column.name for column in found.columns] == ["samples"]
    assert [column.name for column in found.leaves] == [
        "samples",
        "samples[].Speed",
        "samples[].at",
        "samples[].at.lon",
        "samples[].tags",
        "samples[].legs",
        "samples[].legs[].n",
    ]
    assert [column.name for column in found.tolerant] == ["samples[].Speed", "samples[].legs[].n"]
    assert {column.name for column in (*found.tolerant, *found.untolerant)} == {leaf.name for leaf in found.leaves}


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"samples": "unordered", "samples[].speed": {"tolerance": {"abs": 1}}}, "unordered"),
        ({"samples[].legs": "unordered", "samples[].legs[].n": {"tolerance": {"abs": 1}}}, "unordered"),
        ({"samples[].speed": "json"}, "does not fit"),
        ({"samples[]": {"tolerance": {"abs": 1}}}, "does not fit"),
        ({"samples[].tags[]": "unordered"}, "does not fit"),
    ],
)
def test_a_policy_within_an_array_that_has_no_meaning_is_refused_by_name(columns: dict[str, Any], named: str) -> None:
    """It would be ignored otherwise."""
    with pytest.raises(Uncomparable, match=rf"column samples\[\].*{named}"):
        layout(facts(SAMPLES), policy(columns=columns), engine="local")


@pytest.mark.parametrize("name", ["samples[].nope", "samples.speed", "samples[][]", "samples[].tags[].x"])
def test_a_path_that_leads_nowhere_is_a_wrong_declaration(name: str) -> None:
    """With the paths that there are."""
    with pytest.raises(BadDeclaration, match=r"samples\[\]\.speed"):
        layout(facts(SAMPLES), policy(columns={name: "exact"}), engine="local")


def test_a_part_of_an_array_cannot_be_ignored() -> None:
    """Nothing would be left out, and the declaration would say that something is."""
    with pytest.raises(BadDeclaration, match="cannot be ignored"):
        layout(facts(SAMPLES), policy(ignore={"samples[].speed": "noise"}), engine="local")


def test_a_struct_is_its_leaves_and_whether_it_is_there() -> None:
    """So that a NULL STRUCT differs from a STRUCT of NULLs, and a leaf has a policy of its own."""
    table = facts(Field(name="s", type="STRUCT", fields=(Field(name="X", type="FLOAT64"), ID)))

    found = layout(table, policy(columns={"s.x": {"tolerance": {"abs": 1}}}), engine="local")

    assert [(column.name, column.type) for column in found.columns] == [
        ("s", "STRUCT"),
        ("s.id", "INT64"),
        ("s.X", "FLOAT64"),
    ]
    assert [column.name for column in found.tolerant] == ["s.X"]


def test_schemas_differ_by_name_type_and_mode_but_not_by_order_or_case() -> None:
    """One line for each difference, down to fields."""
    left = facts(ID, Field(name="V", type="STRING"), Field(name="s", type="STRUCT", fields=(ID,)))
    same = facts(Field(name="s", type="STRUCT", fields=(ID,)), Field(name="v", type="STRING"), ID)
    other = facts(
        Field(name="id", type="INT64", mode="REQUIRED"),
        Field(name="V", type="BYTES"),
        Field(name="s", type="STRUCT", fields=(ID, Field(name="more", type="DATE"))),
        Field(name="w", type="INT64", mode="REPEATED"),
    )

    assert differences(left, same, policy()) == ()
    assert differences(left, other, policy()) == (
        "id: INT64 left, INT64 REQUIRED right",
        "s.more DATE: only right",
        "V: STRING left, BYTES right",
        "w ARRAY<INT64>: only right",
    )
    view = facts(*other.schema, kind="VIEW")
    assert differences(left, view, policy(ignore={"s.more": "new", "v": "text", "w": "new"})) == ()
