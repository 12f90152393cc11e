"""Rows that reach over a slice boundary: where the modes of a pipeline can differ at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from dit_dagster.comparing.counting import Input, rows_of
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.residue import spans
from dit_dagster.comparing.schema import layout
from dit_dagster.comparing.sql import count, named, render
from dit_dagster.errors import NotFound
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Statement, Warehouse


def count_spanning(
    warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, boundaries: Sequence[date]
) -> int | None:
    facts = warehouse.facts([table]).get(table)
    if facts is None:
        raise NotFound(f"{table}: there is no such table")
    columns = layout(facts, policy, engine=warehouse.engine)
    if columns.span is None:
        return None
    if not boundaries:
        return 0
    where = predicate(policy.where, columns=columns.names, what="where") if policy.where else None
    rows = rows_of(Input(table=table, layout=columns, where=where), [named(count(), "n")])
    reaching = rows.where(spans(*columns.span, "t"))
    answer = warehouse.query(Statement(sql=render(reaching), parameters={"boundaries": sorted(boundaries)}))
    return int(answer.rows[0]["n"])
