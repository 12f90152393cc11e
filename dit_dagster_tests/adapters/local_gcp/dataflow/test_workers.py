"""Jobs of the local Dataflow in containers of their own worker image, and what is left when they do not end well."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from docker.errors import APIError

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.model.identity import JobId
from dit_dagster_tests.adapters.local_gcp.dataflow.conftest import SECONDS, Dataflow, new_dataflow
from dit_dagster_tests.containers.base_image import base_image
from dit_dagster_tests.containers.engine import BASE, Engine

SLEEPER = "dit-test-sleeper:1"


@pytest.fixture(scope="module")
def sleeper(engine: Engine) -> str:
    """An image whose workers do nothing for long."""
    with base_image({"/usr/local/sbin/python": "#!/bin/sh\nexec sleep 600\n"}) as archive:
        engine.api.import_image_from_file(str(archive), repository=SLEEPER.partition(":")[0], tag="1")
    return SLEEPER


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[LocalCloud]:
    """One of these tests' own, which looks for images on their own engine: nobody else says where it looks."""
    folder = tmp_path_factory.mktemp("cloud")
    made = local_gcp.up(folder)
    try:
        new_dataflow(made).put("engine", {"address": engine.variables["DOCKER_HOST"]})
        yield made
    finally:
        local_gcp.down(folder)


@pytest.fixture
def here(cloud: LocalCloud) -> Dataflow:
    """Its Dataflow, with a label of this test's own."""
    return new_dataflow(cloud)


def containers(engine: Engine, dataflow: Dataflow, *, ended: bool = True) -> list[str]:
    """The workers of this test's jobs, whoever else uses the engine; those that have ended too, unless said."""
    [(name, value)] = dataflow.label.items()
    found = engine.api.containers(all=ended, filters={"label": f"{name}={value}"})
    return [str(one["Id"]) for one in found]


def running(engine: Engine, dataflow: Dataflow, image: str, name: str) -> tuple[JobId, str]:
    """A job that runs, and the container of its worker."""
    posted = dataflow.post(name, image)
    dataflow.until(posted.id, lambda job: job.state == "RUNNING")
    until = time.monotonic() + SECONDS
    while not (found := containers(engine, dataflow, ended=False)):
        assert time.monotonic() < until, "no container was started"
        time.sleep(0.05)
    return posted.id, found[0]


def none_left(engine: Engine, dataflow: Dataflow) -> bool:
    until = time.monotonic() + SECONDS
    while containers(engine, dataflow) and time.monotonic() < until:
        time.sleep(0.1)
    return containers(engine, dataflow) == []


def test_a_job_runs_in_a_container_of_its_image(here: Dataflow, engine: Engine) -> None:
    """With what is installed there and nothing else: this image has no Beam. Its id is what tells its code."""
    job = here.until(here.post("contained", BASE).id)

    assert (job.state, containers(engine, here)) == ("FAILED", [])  # who hears of the end finds nothing of it
    assert "No module named 'apache_beam'" in here.jobs.errors(job.id)[0]
    assert job.worker == engine.api.inspect_image(BASE)["Id"]


def test_an_image_that_is_not_there_is_none(here: Dataflow) -> None:
    """Nothing is pulled."""
    job = here.until(here.post("absent", "dit-test-absent:1").id)

    assert job.state == "FAILED"
    assert "does not hold it" in here.jobs.errors(job.id)[0]


def test_a_cancelled_job_leaves_no_container(here: Dataflow, engine: Engine, sleeper: str) -> None:
    """Its worker's container is labelled as the job is, so that the clean-up finds it as well."""
    job_id, container = running(engine, here, sleeper, "cancelled")
    labels = engine.api.inspect_container(container)["Config"]["Labels"]

    here.jobs.cancel(job_id)

    assert (labels["dit"], labels["dit_run"]) == ("generated", here.mark)
    assert here.until(job_id).state == "CANCELLED"
    assert none_left(engine, here)


@pytest.mark.parametrize("contained", [True, False], ids=["container", "process"])
def test_a_worker_that_ends_before_it_reads_is_a_failed_job(here: Dataflow, engine: Engine, contained: bool) -> None:
    """By its exit code, whether or not its task could still be given to it."""
    image = f"dit-test-brief-{contained}:1".lower()
    if contained:
        with base_image({"/usr/local/sbin/python": "#!/bin/sh\nexit 3\n"}) as archive:
            engine.api.import_image_from_file(str(archive), repository=image.partition(":")[0], tag="1")
    else:
        here.put("images", {image: {"python": shutil.which("false"), "identity": "brief"}})

    job = here.until(here.post(f"brief-{contained}".lower(), image).id)

    assert (job.state, containers(engine, here)) == ("FAILED", [])
    assert f"the worker ended with {3 if contained else 1}" in here.jobs.errors(job.id)[0]


def test_a_killed_container_is_a_failed_job(here: Dataflow, engine: Engine, sleeper: str) -> None:
    """By its exit code."""
    job_id, container = running(engine, here, sleeper, "killed")

    engine.api.kill(container)
    job = here.until(job_id)

    assert job.state == "FAILED"
    assert "the worker ended with 137" in here.jobs.errors(job.id)[0]
    assert none_left(engine, here)


def test_an_engine_that_goes_away_is_a_failed_job(here: Dataflow, engine: Engine, sleeper: str) -> None:
    """Once it is back, the next job runs."""
    job_id, _ = running(engine, here, sleeper, "abandoned")

    engine.restart()
    job, after = here.until(job_id), here.until(here.post("afterwards", BASE).id)
    for left in containers(engine, here):  # what `dit gc` does
        with suppress(APIError):  # the local Dataflow may be at it by now
            engine.api.remove_container(left, force=True)

    assert none_left(engine, here)
    assert job.state == "FAILED"
    assert "No module named 'apache_beam'" in here.jobs.errors(after.id)[0]
