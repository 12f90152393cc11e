"""Beam's unmodified DataflowRunner: what it submits really runs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.model.identity import JobId
from dit_dagster_tests.adapters.local_gcp.dataflow.conftest import Dataflow, new_dataflow
from dit_dagster_tests.adapters.local_gcp.test_clients import run

PROGRAM = """
    import sys, time
    import apache_beam as beam
    from apache_beam.metrics import Metrics
    from apache_beam.options.pipeline_options import PipelineOptions

    class Measure(beam.DoFn):
        def process(self, word):
            import sys
            if word == "wait":
                import time
                time.sleep(600)
            Metrics.counter("words", "seen").inc()
            yield f"{1 / (len(word) - 7):.3f} {sys.prefix}"

    for name, words in {"good": ["a", "bb"], "bad": ["seven77"], "slow": ["wait"]}.items():
        options = PipelineOptions([
            "--runner=DataflowRunner", "--project=ditlocal", "--region=europe-west1", f"--job_name=dit-MARK-{name}",
            "--temp_location=gs://beam-jobs/temp", "--labels=dit_run=MARK", f"--labels=dit_step={name}",
            "--experiments=disable_logging_submission_environment"])
        pipeline = beam.Pipeline(options=options)
        pipeline | beam.Create(words) | beam.ParDo(Measure()) | beam.io.WriteToText(f"gs://beam-jobs/MARK/{name}")
        print(name, pipeline.run().job_id())
"""


@pytest.fixture(scope="module")
def submitted(dataflow: Dataflow) -> tuple[Dataflow, Mapping[str, JobId]]:
    """Three jobs that one process submitted and did not wait for, by name."""
    said = run(dataflow.cloud, PROGRAM.replace("MARK", dataflow.mark))
    return dataflow, {name: JobId(job_id) for name, job_id in map(str.split, said.splitlines())}


@pytest.fixture(scope="module")
def dataflow(local_cloud: LocalCloud) -> Dataflow:
    """One for all tests of this module."""
    return new_dataflow(local_cloud)


def test_a_submitted_pipeline_runs(submitted: tuple[Dataflow, Mapping[str, JobId]]) -> None:
    """It ends DONE, its output is in Cloud Storage, its counters are known, and it ran in a process of its own."""
    dataflow, ids = submitted
    job = dataflow.until(ids["good"])
    (shard,) = (dataflow.cloud.directory / "storage" / "beam-jobs" / dataflow.mark).glob("good-*-of-*")

    assert job.state == "DONE", dataflow.jobs.errors(job.id)
    assert sorted(line.split()[0] for line in shard.read_text().splitlines()) == ["-0.167", "-0.200"]
    assert {name.split("/")[-1]: n for name, n in dataflow.jobs.metrics(job.id).items()} == {"seen": 2}
    assert job.images[0].startswith("gcr.io/cloud-dataflow/v1beta3/beam_python")


def test_an_error_in_a_worker_is_the_jobs(submitted: tuple[Dataflow, Mapping[str, JobId]]) -> None:
    """The job fails with the traceback of the pipeline's own code."""
    dataflow, ids = submitted

    assert dataflow.until(ids["bad"]).state == "FAILED"
    assert "ZeroDivisionError" in dataflow.jobs.errors(ids["bad"])[-1]


def test_a_running_job_is_cancelled(submitted: tuple[Dataflow, Mapping[str, JobId]]) -> None:
    """Its process is gone, and nothing that it would have written is there."""
    dataflow, ids = submitted
    dataflow.until(ids["slow"], lambda job: job.state == "RUNNING")
    dataflow.jobs.cancel(ids["slow"])

    assert dataflow.until(ids["slow"]).state == "CANCELLED"
    assert {job.labels["dit_step"]: job.state for job in dataflow.find()}["slow"] == "CANCELLED"
    assert not list((dataflow.cloud.directory / "storage" / "beam-jobs" / dataflow.mark).glob("slow*"))
