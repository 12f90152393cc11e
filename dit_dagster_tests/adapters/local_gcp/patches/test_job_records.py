from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_labels_of_a_query_job_are_kept(emulator: Emulator) -> None:
    """A job that is looked up later has its labels, as in the list of jobs."""
    config = bigquery.QueryJobConfig(labels={"run": emulator.dataset})

    def probe() -> Any:
        job = emulator.client.query("SELECT 1", job_config=config)
        job.result()
        listed = [entry for entry in emulator.client.list_jobs(max_results=5) if entry.job_id == job.job_id]
        return emulator.client.get_job(job.job_id).labels, [entry.labels for entry in listed]

    emulator.shows(probe, ({"run": emulator.dataset}, [{"run": emulator.dataset}]))


def test_an_id_is_used_once(emulator: Emulator) -> None:
    """The second job with an id is refused and does nothing."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    name = uuid4().hex

    def probe() -> Any:
        insert = emulator.sql("INSERT INTO d.t (x) VALUES (1)")
        emulator.client.query(insert, job_id=name).result()
        second = emulator.outcome(lambda: emulator.client.query(insert, job_id=name, job_retry=None).result())
        return str(second).partition(":")[0], emulator.run("SELECT COUNT(*) FROM d.t")

    emulator.shows(probe, ("Conflict", [(1,)]))


def test_an_uploads_job_has_the_id_that_it_was_given(emulator: Emulator) -> None:
    """A load from a file can be looked up by its id, and not be repeated."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    name = uuid4().hex

    def probe() -> Any:
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", labels={"a": "b"})

        def load() -> object:
            return emulator.client.load_table_from_file(
                io.BytesIO(b'{"x": 1}'), emulator.reference(), job_id=name, job_config=config, size=8
            ).result()

        load()
        again = emulator.outcome(load)
        return emulator.client.get_job(name).labels, again.partition(":")[0], emulator.run("SELECT COUNT(*) FROM d.t")

    emulator.shows(probe, ({"a": "b"}, "Conflict", [(1,)]))
