"""A pipeline of functions on the local cloud, and a Dagster instance of one's own to run it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.memory import MemoryEnvironments, MemoryRegistry, MemoryRunner, MemorySource
from dit_dagster.defs.component import pipeline_definitions
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.vocabulary import Vocabulary
from dit_dagster.model.identity import Commit, DatasetName
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.ports import Event, Invocation, Registry, SourceControl, Statement
from dit_dagster.running.workplace import Workplace
from dit_dagster_tests.builders import a_pipeline

DAYS = (date(2013, 1, 1), date(2013, 1, 6))
BEHAVIOUR = "behaviour.txt"


def a_small_pipeline(source: str = "raw.trips") -> Pipeline:
    """Five days, two of them as daily runs."""
    start, end = DAYS
    return a_pipeline(
        window={"start": start, "end": end},
        tail=2,
        lookback=2,
        sources={"trips": {"table": source, "day": "left_at"}},
        outputs={"daily": {"keys": ["day", "vessel"], "day": "day"}},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The small pipeline in Dagster. `commit` makes a commit whose program behaves as it is told.

    What is put into `mended` does not crash any more.
    """

    words: Vocabulary
    source: MemorySource
    registry: MemoryRegistry
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    mended: set[str]
    place: Workplace

    def commit(self, behaviour: str, *refs: str) -> Commit:
        return self.source.commit({BEHAVIOUR: behaviour}, *refs)

    def run(
        self,
        commit: str,
        *,
        job: str | None = None,
        assets: Sequence[dg.AssetKey] | None = None,
        pinned: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """As `dagster job execute` does: the partition is a tag, which Dagster does not look at."""
        return self.definitions.resolve_job_def(job or self.words.job).execute_in_process(
            instance=self.instance,
            tags={"dagster/partition": commit},
            asset_selection=assets,
            run_config={"ops": {self.words.pin_op: {"config": pinned}}} if pinned else None,
            raise_on_error=False,
        )

    def evaluations(self, result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
        """By mode, output and check."""
        found = result.get_asset_check_evaluations()
        return {"/".join([*one.asset_key.path[1:], one.check_name]): one for one in found}

    def events(self, kind: str) -> tuple[Event, ...]:
        return self.registry.of_pipeline(kind, self.words.name, 1000)[::-1]


@pytest.fixture(scope="module")
def bench(
    warehouse: BigQueryWarehouse, module_dataset: DatasetName, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A bench whose source holds one trip of each of three vessels a day."""
    home = tmp_path_factory.mktemp("bench")
    warehouse.query(Statement(sql=_SOURCE.format(table=module_dataset.table("trips").sql)))
    pipeline = a_small_pipeline(str(module_dataset.table("trips")))
    source, registry = MemorySource(home), MemoryRegistry()
    mended: set[str] = set()
    place = Workplace(
        warehouse=warehouse,
        registry=registry,
        code=source,
        environments=MemoryEnvironments(),
        runner=MemoryRunner({"count": counting(warehouse, mended)}),
        dataset=module_dataset,
        logs=home / "logs",
        variables={},
    )
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        yield Bench(
            words=Vocabulary(pipeline),
            source=source,
            registry=registry,
            instance=instance,
            definitions=pipeline_definitions(pipeline, workbench_at(place)),
            mended=mended,
            place=place,
        )


def workbench_at(place: Workplace) -> Workbench:
    """A workbench whose ports are those of `place`."""

    class GivenWorkbench(Workbench):
        def source_control(self, pipeline: Pipeline) -> SourceControl:  # noqa: ARG002
            return place.code

        @contextmanager
        def workplace(self, pipeline: Pipeline) -> Iterator[Workplace]:  # noqa: ARG002
            yield place

        @contextmanager
        def registry(self) -> Iterator[Registry]:
            yield place.registry

    return GivenWorkbench()


_SOURCE = """
CREATE TABLE {table} AS
SELECT TIMESTAMP(day) AS left_at, vessel FROM UNNEST(GENERATE_DATE_ARRAY('2013-01-01', '2013-01-05')) AS day,
UNNEST(['ann', 'bea', 'cat']) AS vessel
"""

Program = Callable[[Invocation, Callable[[str], None], Callable[[], bool]], int]


def counting(warehouse: BigQueryWarehouse, mended: set[str]) -> Program:
    """A program that counts trips per day and vessel, as well as its commit lets it."""

    def count(invocation: Invocation, line: Callable[[str], None], stopped: Callable[[], bool]) -> int:
        _, start, end, source, table = invocation.arguments
        behaviour = (Path(invocation.directory) / BEHAVIOUR).read_text().split()[0]
        days = (date.fromisoformat(end) - date.fromisoformat(start)).days
        if behaviour.startswith("crashes") and behaviour not in mended and days <= 2:
            line("no such file: dailies.cfg")
            return 3
        for sql in statements(behaviour):
            warehouse.query(Statement(sql=sql.format(source=source, table=table, start=start, end=end)))
        return 0

    return count


def statements(behaviour: str) -> Iterator[str]:
    yield "CREATE TABLE IF NOT EXISTS `{table}` (day DATE, vessel STRING, trips INT64)"
    if behaviour != "appends":
        yield "DELETE FROM `{table}` WHERE day >= '{start}'"
    yield (
        "INSERT INTO `{table}` SELECT DATE(left_at), vessel, COUNT(*) FROM `{source}` "
        "WHERE DATE(left_at) >= '{start}' AND DATE(left_at) < '{end}' GROUP BY 1, 2"
    )
