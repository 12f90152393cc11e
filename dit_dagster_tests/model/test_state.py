"""A committed state survives the registry, and what cannot be read is no state."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from dit_dagster.model.identity import JobId, TableName
from dit_dagster.model.state import JobRecord, PhaseRecord, Touched
from dit_dagster.model.window import Window
from dit_dagster_tests.builders import a_pipeline, a_plan, record_of_node

TOUCHED = Touched(
    source="trips",
    table=TableName("prod", "scratch", "m"),
    before=10,
    after=6,
    by_day={date(2013, 12, 30): 3, None: 1},
)

JOB = JobRecord(step="count", id=JobId("1"), name="dit-count", state="DONE", images=("gaps:v1",), metrics={"seen": 2})


def a_record() -> PhaseRecord:
    steps = [{"name": "count", "command": ["count"], "beam": {}}]
    node = next(iter(a_plan("bf", pipeline=a_pipeline(steps=steps)).nodes.values()))
    return record_of_node(node, touched=(TOUCHED,), jobs=(JOB,))


def test_a_record_comes_back_as_it_was_written() -> None:
    """Through JSON text and back, nothing is lost."""
    record = a_record()

    assert PhaseRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize("field", sorted(a_record().to_json()))
def test_trap_15_a_record_with_a_missing_field_is_no_record(field: str) -> None:
    """Trap 15: what is missing is an error, never a default."""
    written = a_record().to_json()
    del written[field]

    with pytest.raises(KeyError, match=field):
        PhaseRecord.from_json(written)


@pytest.mark.parametrize(
    ("windows", "rows"),
    [
        pytest.param([Window(date(2013, 12, 30), date(2013, 12, 31))], 4, id="the touched day"),
        pytest.param(
            [Window(date(2013, 12, 29), date(2013, 12, 30))], 1, id="the day before: only the row without a day"
        ),
        pytest.param([], 1, id="no window: only the row without a day"),
    ],
)
def test_touched_rows_count_where_a_phase_reads(windows: list[Window], rows: int) -> None:
    """A row without a day may be read by any phase."""
    assert TOUCHED.within(windows) == rows


def test_a_role_leads_to_its_table() -> None:
    """A role that the state does not have leads to None."""
    record = a_record()

    assert (record.table("daily"), record.table("other")) == (record.tables[0].name, None)


@pytest.mark.parametrize(
    ("images", "worker", "code"),
    [
        pytest.param(("gaps:v1",), None, "gaps:v1", id="by its name"),
        pytest.param(("gaps:v1",), "sha256:1", "sha256:1", id="by what it holds"),
        pytest.param(("gcr.io/cloud-dataflow/v1beta3/beam_python3.11_sdk:2.77.0",), "any", None, id="Google's"),
        pytest.param(("apache/beam_python3.11_sdk@sha256:1",), None, None, id="Beam's"),
        pytest.param((), None, None, id="none"),
    ],
)
def test_the_code_of_workers(images: tuple[str, ...], worker: str | None, code: str | None) -> None:
    """Beam's own images hold nothing of a pipeline: two commits may share one."""
    assert replace(JOB, images=images, worker=worker).code == code
