"""A small world that changes: a program of two steps, its parameter, its source, its mutation, its policy.

Programs are functions of this process and the registry is in memory, so that a run takes seconds; the tables are real.
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.memory import MemoryEnvironments, MemoryRegistry, MemoryRunner, MemorySource, Program
from dit_dagster.evidence.report import report_json
from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.outcome import record_of
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Invocation, Statement
from dit_dagster.running.run import Report, close_run, run
from dit_dagster.running.workplace import Workplace
from dit_dagster_tests.builders import a_pipeline, a_request

MODES = ("bf", "bfd", "mutate_recover")
DAYS = (date(2013, 1, 1), date(2013, 1, 5))
STEPS = ("count", "total")
PATIENCE = 0.4
"""Seconds that the claim of a run that was killed is respected."""
_RULES = "rules.txt"
_NUMBERS = itertools.count(1)

Content = Mapping[tuple[str, str], Counter[str]]
"""The rows of each mode's final tables, by mode and table."""


class Killed(BaseException):
    """The process is gone: nothing of the run may catch this, and nothing is tidied up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that the final tables and verdicts depend on."""

    appends: bool = False
    factor: int = 1
    rows: frozenset[int] = frozenset()
    mutated: str = "ann"
    compares_trips: bool = True


@dataclass(slots=True, kw_only=True)
class Place:
    """One registry with one dataset, and how often steps were started there. `dies_at`: before that many more."""

    warehouse: BigQueryWarehouse
    dataset: DatasetName
    source: MemorySource
    home: Path
    registry: MemoryRegistry = field(default_factory=lambda: MemoryRegistry(patience=PATIENCE))
    started: int = 0
    dies_at: tuple[int, bool] | None = None

    @property
    def workplace(self) -> Workplace:
        programs = {"count": self._mortal(self._count), "total": self._mortal(self._total)}
        return Workplace(
            warehouse=self.warehouse,
            registry=self.registry,
            code=self.source,
            environments=MemoryEnvironments(),
            runner=MemoryRunner(programs),
            dataset=self.dataset,
            logs=self.home / "logs",
            variables={},
        )

    def run(self, request: Request) -> Report:
        run_id = f"run-{next(_NUMBERS):06d}-{uuid.uuid4().hex[:6]}"
        report = run(request, self.workplace, run_id)
        close_run(request.pipeline.name, run_id, self.workplace, report_json(report))
        return report

    def content(self, report: Report) -> Content:
        """What the final tables hold."""
        found: dict[tuple[str, str], Counter[str]] = {}
        for mode in report.prospect.plan.selected:
            record = record_of(report.outcomes[mode.leaf])
            assert record is not None
            for table in record.tables:
                rows = self.warehouse.query(Statement(sql=f"SELECT * FROM {table.name.sql}")).rows
                found[mode.name, table.role] = Counter(repr(sorted(row.items())) for row in rows)
        return found

    def tables(self) -> list[TableName]:
        """Those of committed states that are there, in a fixed order."""
        names = {table.name for record in records(self) for table in record.tables}
        return sorted(names & set(self.warehouse.tables(self.dataset, "")), key=str)

    def _mortal(self, program: Callable[[Invocation], None]) -> Program:
        def run_step(invocation: Invocation, _line: Callable[[str], None], _stopped: Callable[[], bool]) -> int:
            self.started += 1
            dies, late = self._dies()
            if dies and not late:
                raise Killed
            program(invocation)
            if dies:
                raise Killed
            return 0

        return run_step

    def _dies(self) -> tuple[bool, bool]:
        if self.dies_at is None:
            return False, False
        left, late = self.dies_at
        self.dies_at = (left - 1, late)
        return left <= 0, late

    def _count(self, invocation: Invocation) -> None:
        start, end, source, daily, factor = invocation.arguments[1:]
        appends = (invocation.directory / _RULES).read_text(encoding="utf-8") == "append"
        delete = "" if appends else f"DELETE FROM `{daily}` WHERE day >= '{start}' AND day < '{end}';"
        self.warehouse.query(
            Statement(
                sql=f"CREATE TABLE IF NOT EXISTS `{daily}` (day DATE, vessel STRING, trips INT64); {delete} "
                f"INSERT INTO `{daily}` (day, vessel, trips) SELECT DATE(left_at), vessel, COUNT(*) * {int(factor)} "
                f"FROM `{source}` WHERE DATE(left_at) >= '{start}' AND DATE(left_at) < '{end}' GROUP BY 1, 2;"
            )
        )

    def _total(self, invocation: Invocation) -> None:
        daily, totals = invocation.arguments[1:]
        self.warehouse.query(
            Statement(
                sql=f"CREATE OR REPLACE TABLE `{totals}` AS "
                f"SELECT vessel, SUM(trips) AS trips FROM `{daily}` GROUP BY vessel"
            )
        )


@dataclass(slots=True, kw_only=True)
class World:
    """The inputs as they are, the place where they are run, and what a run without any cache came to for each."""

    warehouse: BigQueryWarehouse
    home: Path
    trips: TableName
    place: Place
    inputs: Inputs = Inputs()
    clean: dict[Inputs, tuple[Content, dict[str, str]]] = field(default_factory=dict)

    @classmethod
    def new(cls, warehouse: BigQueryWarehouse, dataset: DatasetName, home: Path) -> World:
        trips = dataset.table(f"trips_{uuid.uuid4().hex[:8]}")
        warehouse.query(Statement(sql=_SOURCE.format(table=trips.sql)))
        source = MemorySource(home)
        place = Place(warehouse=warehouse, dataset=dataset, source=source, home=home)
        return cls(warehouse=warehouse, home=home, trips=trips, place=place)

    def change(self, **changes: Any) -> None:
        """Other inputs. Rows of the source are written or deleted; all else is said in the next request."""
        before, self.inputs = self.inputs, replace(self.inputs, **changes)
        for row in sorted(self.inputs.rows - before.rows):
            sql = f"INSERT INTO {self.trips.sql} (left_at, vessel) VALUES (TIMESTAMP '2013-01-0{row} 07:00:00', 'bea')"
            self.warehouse.query(Statement(sql=sql))
        for row in sorted(before.rows - self.inputs.rows):
            sql = f"DELETE FROM {self.trips.sql} WHERE left_at = TIMESTAMP '2013-01-0{row} 07:00:00'"
            self.warehouse.query(Statement(sql=sql))

    def request(self, *, force: bool = False) -> Request:
        """A new commit each time: equal files are one tree, which is what counts."""
        commit = self.place.source.commit({_RULES: "append" if self.inputs.appends else "replace"})
        request = a_request(*MODES, pipeline=self._pipeline(), days=DAYS, tail=1, lookback=2, jobs=1)
        return replace(request, commit=commit, force=force)

    def expected(self) -> tuple[Content, dict[str, str]]:
        """What a run without any cache comes to: a registry that has never seen anything, and states of its own."""
        if self.inputs not in self.clean:
            blank = replace(self.place, registry=MemoryRegistry(patience=PATIENCE), started=0, dies_at=None)
            report = blank.run(self.request())
            self.clean[self.inputs] = blank.content(report), verdicts(report)
        return self.clean[self.inputs]

    def _pipeline(self) -> Pipeline:
        compared = {} if self.inputs.compares_trips else {"ignore": {"trips": "not of interest"}}
        steps = [
            {
                "name": "count",
                "command": ["count", "{start}", "{end}", "{source.trips}", "{table.daily}", "{parameter.factor}"],
            },
            {"name": "total", "command": ["total", "{table.daily}", "{table.totals}"]},
        ]
        key = {"source": "trips", "key": "vessel", "keys": [self.inputs.mutated]}
        return a_pipeline(
            window={"start": DAYS[0], "end": DAYS[1]},
            tail=1,
            lookback=2,
            owns_to_end=None,
            parameters={"factor": self.inputs.factor},
            sources={"trips": {"table": str(self.trips), "day": "left_at"}},
            steps=steps,
            outputs={"daily": {"keys": ["day", "vessel"], "day": "day", **compared}, "totals": {"keys": ["vessel"]}},
            mutations={"mutate_recover": {"restrict_keys": key}},
        )


def verdicts(report: Report) -> dict[str, str]:
    return {f"{one.output} {one.left} {one.right}": one.verdict for one in report.comparisons}


def records(place: Place) -> list[PhaseRecord]:
    """Everything that was committed there."""
    found = [PhaseRecord.readable(event.payload) for event in place.registry.of_pipeline("committed", None, 10_000)]
    return [record for record in found if record is not None]


_SOURCE = """
CREATE TABLE {table} AS
SELECT TIMESTAMP(day) AS left_at, vessel FROM UNNEST(GENERATE_DATE_ARRAY('2013-01-01', '2013-01-04')) AS day,
UNNEST(['ann', 'bea', 'cat']) AS vessel
"""
