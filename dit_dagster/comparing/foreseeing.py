"""What a comparison would read, before anything is read."""

from __future__ import annotations

from dit_dagster.comparing.counting import digest_statement, total
from dit_dagster.comparing.engine import asked
from dit_dagster.comparing.residue import reading, unequal_rows
from dit_dagster.comparing.rows import engine
from dit_dagster.comparing.schema import differences
from dit_dagster.errors import NotFound, Uncomparable
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Foreseen
from dit_dagster.ports import Warehouse

_NOTHING = Foreseen(verdict=0, explanation=0)


def foreseen(
    warehouse: Warehouse, tables: tuple[TableName, TableName], policy: ComparisonPolicy, *, exact: bool
) -> Foreseen:
    """Nothing where the schemas settle it. The explanation's figure is of all days, the most that it can be."""
    known = warehouse.facts(tables)
    for table in tables:
        if table not in known:
            raise NotFound(f"{table}: there is no such table")
    left, right = (known[table] for table in tables)
    if differences(left, right, policy):
        return _NOTHING
    try:
        question = asked((left, right), policy, warehouse.engine)
    except Uncomparable:
        return _NOTHING
    spelling = engine(warehouse.engine, exact=exact)
    more = [total("unequal", unequal_rows(question, spelling))] if exact else []
    verdict = digest_statement((question.left, question.right), spelling, *more)
    return Foreseen(verdict=warehouse.estimate(verdict), explanation=warehouse.estimate(reading(question, spelling)))
