"""Table against table: digests, and the verdict on two tables. `engine` tells how it works.

The machinery is imported when it is used: sqlglot takes a moment to load, and a run that reuses everything needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from dit_dagster.comparing.digests import DIGEST_VERSION, Digest
from dit_dagster.model.exercise import Exercised
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Cost, Foreseen, Verdict
from dit_dagster.ports import Warehouse

if TYPE_CHECKING:
    from dit_dagster.comparing.parting import FinalStates
    from dit_dagster.comparing.stale import Stale

__all__ = [
    "DIGEST_VERSION",
    "Digest",
    "compare_tables",
    "count_stale",
    "digest",
    "exercised_rows",
    "final_states",
    "foresee",
    "spanning_rows",
]


def digest(warehouse: Warehouse, table: TableName, policy: ComparisonPolicy) -> tuple[Digest, Cost]:
    """What `table` holds under `policy`, in one scan.

    Raises NotFound, BadDeclaration if the policy names a column that the table lacks, and Uncomparable, naming the
    column, if the policy does not cover its type.
    """
    from dit_dagster.comparing.engine import take_digest

    return take_digest(warehouse, table, policy)


def compare_tables(
    warehouse: Warehouse,
    left: TableName,
    right: TableName,
    policy: ComparisonPolicy,
    *,
    left_label: str = "left",
    right_label: str = "right",
    left_digest: Digest | None = None,
    right_digest: Digest | None = None,
    boundaries: Sequence[date] = (),
    exact: bool = False,
) -> Verdict:
    """Judge two tables or views under `policy`.

    A given digest is trusted if it is of this digest version, policy and schema; two that are equal cost no statement.
    With `exact` no digest is believed and no hash taken: rows are told apart by all that they hold.
    `boundaries` are the first days of slices: the explanation tells what share of the differences reaches over one.
    Raises BadDeclaration for a policy that does not fit; every other failure is the verdict Error.
    """
    from dit_dagster.comparing.engine import compared

    return compared(
        warehouse,
        (left, right),
        policy,
        labels=(left_label, right_label),
        digests=(left_digest, right_digest),
        boundaries=boundaries,
        exact=exact,
    )


def foresee(
    warehouse: Warehouse, left: TableName, right: TableName, policy: ComparisonPolicy, *, exact: bool = False
) -> Foreseen:
    """Dry runs of what comparing two tables would read. Raises NotFound, BadDeclaration, or a WarehouseError."""
    from dit_dagster.comparing.foreseeing import foreseen

    return foreseen(warehouse, (left, right), policy, exact=exact)


def spanning_rows(
    warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, boundaries: Sequence[date]
) -> int | None:
    """How many rows start before the midnight (UTC) of a boundary and end at it or later; None if no span is declared.

    A row without an end is still open: it reaches over every boundary after its start. A row without a start does not.
    """
    if policy.span is None:
        return None
    from dit_dagster.comparing.spanning import count_spanning

    return count_spanning(warehouse, table, policy, boundaries)


def exercised_rows(warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, asked: Exercised) -> Exercised:
    """`asked` with how many rows reach over each of its boundaries and windows, in one statement; see `spanning_rows`.

    Without a declared span it is returned as it is, and nothing is read.
    """
    if policy.span is None or not (asked.boundaries or asked.again):
        return asked
    from dit_dagster.comparing.spanning import count_exercised

    return count_exercised(warehouse, table, policy, asked)


def final_states(
    warehouse: Warehouse,
    tables: tuple[TableName, TableName],
    policy: ComparisonPolicy,
    digests: tuple[Digest | None, Digest | None],
) -> FinalStates:
    """Two tables that differ, to be held against the states before them. NotFound, Uncomparable, BadDeclaration."""
    from dit_dagster.comparing import engine

    return engine.final_states(warehouse, tables, policy, digests)


def count_stale(
    warehouse: Warehouse, left: TableName, right: TableName, versions: TableName, policy: ComparisonPolicy
) -> Stale:
    """Of rows that differ, how many the right has as an earlier version of the left (in `versions`) has them.

    Raises NotFound, Uncomparable, BadDeclaration or a WarehouseError.
    """
    from dit_dagster.comparing import stale

    return stale.count_stale(warehouse, left, right, versions, policy)
