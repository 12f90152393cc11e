"""The jobs API without Beam: the life of a job, and what a real Dataflow does now and then."""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping
from typing import Any

import pytest

from dit_dagster.errors import NotFound
from dit_dagster.model.identity import JobId
from dit_dagster_tests.adapters.local_gcp.dataflow.conftest import Dataflow

STOCK = "gcr.io/cloud-dataflow/v1beta3/beam_python{}_sdk:{}"


def test_trap_43_a_queued_job_is_found_and_cancelled(dataflow: Dataflow) -> None:
    """Found by its label while it waits, cancelled there without ever running, found afterwards as what it is."""
    dataflow.rule(hold=True)
    created = dataflow.post("dit-queued")

    assert [(one.id, one.state) for one in dataflow.find()] == [(created.id, "QUEUED")]

    dataflow.jobs.cancel(created.id)
    assert dataflow.until(created.id).state == "CANCELLED"
    assert [one.state for one in dataflow.find()] == ["CANCELLED"]


def test_a_slow_job_is_cancelled_while_it_starts(dataflow: Dataflow) -> None:
    """A job that has its slot and waits for workers ends as soon as it is asked to."""
    dataflow.put("images", {"none": {"python": "/nowhere", "identity": "nobody"}})
    dataflow.rule(seconds=600)
    created = dataflow.post("dit-slow")
    dataflow.until(created.id, lambda job: job.state == "PENDING")
    dataflow.jobs.cancel(created.id)

    assert dataflow.until(created.id).state == "CANCELLED"


def test_a_provoked_failure_says_why(dataflow: Dataflow) -> None:
    """The reason is an error message of the job; a job that is over stays as it is when it is cancelled."""
    dataflow.put("images", {"none": {"python": "/nowhere", "identity": "nobody"}})
    dataflow.rule(fail="Startup of the worker pool failed: ZONE_RESOURCE_POOL_EXHAUSTED")
    created = dataflow.post("dit-failing")

    assert dataflow.until(created.id).state == "FAILED"
    assert dataflow.jobs.errors(created.id) == ("Startup of the worker pool failed: ZONE_RESOURCE_POOL_EXHAUSTED",)
    dataflow.jobs.cancel(created.id)
    assert dataflow.jobs.job(created.id).state == "FAILED"


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("europe-docker.pkg.dev/p/r/gaps:v1", id="nobody's"),
        pytest.param(STOCK.format("3.9", "2.40.0"), id="of another Beam"),
    ],
)
def test_an_image_that_cannot_be_had_fails_the_job(dataflow: Dataflow, image: str) -> None:
    """No other code runs in its place."""
    created = dataflow.post("dit-imageless", image)

    assert dataflow.until(created.id).state == "FAILED"
    assert f"image {image!r} cannot be" in dataflow.jobs.errors(created.id)[0]


def test_a_name_is_active_once(dataflow: Dataflow) -> None:
    """A second job of an active name is not taken: the answer is the first one. Once that is over, the name is free."""
    dataflow.rule(hold=True)
    first, second = dataflow.post("dit-twice"), dataflow.post("dit-twice")
    dataflow.jobs.cancel(first.id)
    dataflow.until(first.id)
    third = dataflow.post("dit-twice")
    dataflow.jobs.cancel(third.id)

    assert second == first
    assert third.id != first.id


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"name": "dit-a-"}, "the name must consist of only", id="name ends in a dash"),
        pytest.param({"name": "d" * 64}, "at most 63", id="name too long"),
        pytest.param({"labels": {"dit_run": "Upper"}}, "labels: dit_run=Upper is not allowed", id="label"),
        pytest.param({"environment": {}}, "no staged pipeline", id="not portable"),
    ],
)
def test_what_dataflow_would_refuse_is_refused(dataflow: Dataflow, changes: Mapping[str, Any], said: str) -> None:
    """At once, as a bad request: nothing is queued."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        dataflow.post(**{"name": "dit-refused", **changes})

    assert (caught.value.code, said in caught.value.read().decode()) == (400, True)
    assert dataflow.find() == ()


def test_lists_are_paged(dataflow: Dataflow) -> None:
    """The client finds all of more jobs than one page holds."""
    dataflow.rule(hold=True)
    ids = {dataflow.post(f"dit-page-{number}").id for number in range(55)}
    found = {one.id for one in dataflow.find()}
    for one in ids:
        dataflow.jobs.cancel(one)

    assert found == ids


def test_an_unknown_job_is_said(dataflow: Dataflow) -> None:
    """An id that names no job is an answer, not a failure to reach the service."""
    with pytest.raises(NotFound, match="Dataflow has no job nobody"):
        dataflow.jobs.job(JobId("nobody"))
