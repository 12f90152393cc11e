"""Small tables, written as SQL literals, and comparisons of two of them in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from dit_dagster.comparing import compare_tables
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Verdict, verdict_name
from dit_dagster.ports import Statement, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A dataset to make tables in. A table is its columns' declaration and its rows, each the inside of VALUES."""

    warehouse: Warehouse
    dataset: DatasetName
    _numbers: Iterator[int] = field(default_factory=count)

    def table(self, columns: str, *rows: str) -> TableName:
        name = self.dataset.table(f"t{next(self._numbers)}")
        script = f"CREATE TABLE {name.sql} ({columns})"
        self.warehouse.query(Statement(sql=script))
        if rows:
            self.warehouse.query(
                Statement(sql=f"INSERT INTO {name.sql} VALUES {', '.join(f'({row})' for row in rows)}")
            )
        return name

    def verdict(
        self, left: TableName, right: TableName, policy: ComparisonPolicy | None = None, *, exact: bool = False
    ) -> Verdict:
        return compare_tables(self.warehouse, left, right, policy or ComparisonPolicy(), exact=exact)

    def answer(self, left: TableName, right: TableName, policy: ComparisonPolicy | None = None) -> str:
        return verdict_name(self.verdict(left, right, policy))
