"""The nightly clean-up in Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.home import MachineHome
from dit_dagster.adapters.memory import MemoryRegistry
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.schedules import JOB, SCHEDULE, cleaning
from dit_dagster.model.identity import DatasetName
from dit_dagster.ports import Field
from dit_dagster.running.cleaning import Premises
from dit_dagster.running.run import request_json
from dit_dagster_tests.builders import COMMIT, a_request, an_event


def test_the_nightly_job_takes_what_a_run_that_is_over_left(
    warehouse: BigQueryWarehouse, dataset: DatasetName, tmp_path: Path
) -> None:
    """A pin of a finished run goes, a table that no run made stays; the schedule starts that job."""
    registry = MemoryRegistry()
    planned = {**request_json(a_request("bf")), "decisions": {}}
    registry.append([an_event("run_planned", payload=planned), an_event("run_finished")])
    for name in (f"solo_{COMMIT}_pin_trips_0123456789ab", "precious"):
        warehouse.create(dataset.table(name), [Field(name="n", type="INT64")])
    place = Premises(
        warehouse=warehouse, registry=registry, dataset=dataset, records=dataset, home=MachineHome(tmp_path)
    )

    class Given(Workbench):
        @contextmanager
        def premises(self) -> Iterator[Premises]:
            yield place

    definitions = cleaning(Given())
    ended = definitions.resolve_job_def(JOB).execute_in_process(raise_on_error=False)

    assert ended.success
    assert [table.table for table in warehouse.tables(dataset, "")] == ["precious"]
    schedule = definitions.resolve_schedule_def(SCHEDULE)
    assert (schedule.job_name, schedule.default_status) == (JOB, dg.DefaultScheduleStatus.STOPPED)
