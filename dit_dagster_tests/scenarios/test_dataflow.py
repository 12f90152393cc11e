"""Steps on Dataflow, end to end but for Beam: jobs that are recorded, waited for, cancelled, and which code they ran.

The tiny pipeline writes its tables itself and then submits a job of which rules say what becomes of it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dit_dagster import api, ensure_worker_image, wiring
from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.errors import InfrastructureError, UsageError
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.model.identity import RunId
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.worker_image import AlreadyThere
from dit_dagster.ports import JobMarks, RemoteJob
from dit_dagster.running.attaching import Orphaned, attach
from dit_dagster.running.cancelling import WasCancelled, cancel
from dit_dagster.running.collection import DeadContainer
from dit_dagster.settings import Settings
from dit_dagster_tests.containers.base_image import base_image
from dit_dagster_tests.containers.engine import BASE, Engine
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench
from dit_dagster_tests.scenarios.test_traps_cleaning import SECONDS, gc, once_silent

SUBMITTER = (
    PROGRAM
    + """
given = [argument.removeprefix("--").split("=", 1) for argument in sys.argv[5:]]
flags = dict(given)
body = {
    "name": flags["job_name"],
    "labels": dict(value.split("=", 1) for name, value in given if name == "labels"),
    "environment": {
        "sdkPipelineOptions": {"options": {"pipelineUrl": flags["staging_location"]}},
        "workerPools": [{"workerHarnessContainerImage": flags["sdk_container_image"]}],
    },
}
place = f"projects/{flags['project']}/locations/{flags['region']}/jobs"
urllib.request.urlopen(f"{os.environ['DATAFLOW_EMULATOR_HOST']}/v1b3/{place}", data=json.dumps(body).encode()).close()
"""
)
COMMAND = ["python", "job.py", "{start}", "{end}", "{source.visits}", "{table.daily}"]
OWN, PUBLISHED = "visits:{tree}", "visits:published"
SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}
DEAD = 5.0
"""Seconds of silence after which a run that was killed is taken for dead."""
OFTEN, MORE = 4.0, 60.0
"""Seconds: a live run's patience, which says how often it beats, and that of whoever cancels it: beats can be late."""
FROM_TREE = {"recipe": f"FROM {BASE}\nWORKDIR /program\nCOPY . .\n"}


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud of these tests alone: where images are found, and rules for any job, hold for a whole cloud."""
    directory = tmp_path_factory.mktemp("cloud")
    yield local_gcp.up(directory)
    local_gcp.down(directory)


@pytest.fixture(scope="module")
def warehouse(local_cloud: LocalCloud) -> BigQueryWarehouse:
    return BigQueryWarehouse.local(rest=local_cloud.rest, project=local_cloud.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A bench whose pipeline runs on Dataflow, and an experiment that only its jobs are labelled with."""

    bench: Bench
    cloud: LocalCloud
    experiment: str

    def declare(self, *, image: str = OWN, container: Mapping[str, Any] | None = None, **beam: Any) -> None:
        steps = [{"name": "count", "command": COMMAND, "beam": {"worker_image": image, **beam}}]
        self.bench.declare(steps=steps, **({"container": container} if container is not None else {}))

    def rule(self, **rule: Any) -> None:
        """What becomes of the experiment's jobs."""
        self.put_rules({self.experiment: {"labels": {"dit_experiment": self.experiment}, **rule}})

    def put_rules(self, rules: Mapping[str, Any]) -> None:
        self._put("rules", rules)

    def publish(self, image: str) -> None:
        self._put("images", {image: {"python": sys.executable, "identity": f"published-{self.experiment}"}})

    def look_on(self, engine: str | None) -> None:
        """Where the local Dataflow finds images."""
        self._put("engine", {"address": engine})

    def _put(self, path: str, content: Any) -> None:
        data = json.dumps(content).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.cloud.dataflow}/dit/{path}", data, method="PUT")).close()

    def run(self, *modes: str, **options: Any) -> Any:
        return self.bench.run(*modes, commit="flow", experiment_id=self.experiment, **SHORT, **options)

    def jobs(self) -> tuple[RemoteJob, ...]:
        service = wiring.surroundings(self.bench.settings).jobs()
        return service.find(
            JobMarks(labels={"dit_experiment": self.experiment}), datetime.now(UTC) - timedelta(hours=1)
        )

    def soon(self, condition: Callable[[], Any]) -> Any:
        """What the condition comes to once it is true."""
        deadline = time.monotonic() + SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return found

    def events(self, kind: str) -> list[Any]:
        return self.bench.events(kind)


@pytest.fixture
def flow(bench: Bench, local_cloud: LocalCloud) -> Iterator[Flow]:
    """Its jobs are done as soon as they run, unless a test says otherwise."""
    made = Flow(bench=bench, cloud=local_cloud, experiment=f"flow_{secrets.token_hex(4)}")
    bench.commit(GOOD, "flow", program=SUBMITTER)
    made.declare()
    made.rule(done=True)
    yield made
    made.rule(fail="the test is over")


@pytest.mark.parametrize("images", [("visits:a", "visits:b"), ("visits:a", "visits:a")], ids=["two", "one"])
def test_trap_21_one_commit_on_two_worker_images_is_not_unchanged(flow: Flow, images: tuple[str, str]) -> None:
    """Trap 21: the tree is the same, what the workers run is not; with one image, nothing has changed."""
    for image in images:
        flow.publish(image)
    bindings = {"one": "flow", "other": "flow"}
    given = dict(zip(bindings, images, strict=True))

    report = api.diff(
        "visits",
        bindings,
        worker_images=given,
        settings=flow.bench.settings,
        modes=["bf"],
        experiment_id=flow.experiment,
        **SHORT,
    )

    (compared,) = diff_json(report)["comparisons"]
    assert compared["verdict"] == ("UNCHANGED" if len(set(images)) == 1 else "IDENTICAL")


def killed_run(flow: Flow) -> RunId:
    """A run that was killed while its job was queued."""
    flow.rule(hold=True)
    return killed_once_submitted(flow)


def killed_once_submitted(flow: Flow) -> RunId:
    settings = flow.bench.settings
    names = ("home", "pipelines", "dest_dataset", "registry_dataset")
    variables = {f"DIT_{name.upper()}": str(getattr(settings, name)) for name in names}
    options = ["--commit", "flow", "--modes", "bf", "--experiment-id", flow.experiment]
    process = subprocess.Popen(
        [sys.executable, "-c", "from dit_dagster.cli import main; main()", "run", "visits", *options],
        env={**os.environ, **variables, "DIT_PATIENCE": str(DEAD)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (submitted,) = flow.soon(lambda: flow.events("job_submitted"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return RunId(submitted.run_id)


def impatient(flow: Flow) -> Settings:
    return flow.bench.settings.model_copy(update={"patience": DEAD})


def test_a_job_is_recorded_before_it_is_waited_for(flow: Flow) -> None:
    """Expected, then its id, then its end, then the state, which holds what its workers ran."""
    ran = flow.run("bf")
    (job,) = flow.jobs()
    kinds = ["job_expected", "job_submitted", "job_ended", "committed"]
    moments = [event.at for kind in kinds for event in flow.events(kind)]
    record = PhaseRecord.from_json(flow.events("committed")[0].payload)
    (log,) = (flow.bench.settings.home / "logs").rglob("*.log")

    assert (ran.executed, ran.exit_code) == (1, 3)
    assert moments == sorted(moments)
    assert len(moments) == len(kinds)
    assert flow.events("job_submitted")[0].payload["job"] == job.id
    assert (record.jobs[0].id, record.jobs[0].state, record.jobs[0].images) == (job.id, "DONE", job.images)
    assert re.fullmatch(r"visits:[0-9a-f]{40}", job.images[0])
    assert record.jobs[0].code == f"{job.images[0].removeprefix('visits:')} {record.inputs['code']['environment']}"
    assert f"job {job.id}: DONE" in log.read_text()


def test_trap_44_a_job_carries_every_label_of_its_run(flow: Flow) -> None:
    """By each of them it is found."""
    ran = flow.run("bf")
    (job,) = flow.jobs()

    assert job.labels["dit_run"] == ran.json["run_id"]
    assert job.labels.keys() == {"dit_run", "dit_experiment", "dit_pipeline", "dit_phase", "dit_step"}
    assert re.fullmatch(r"dit-visits-count-flow-\w+(-\w+)?-bf-1-1-[0-9a-f]{8}", job.name)


def test_a_failed_job_fails_its_phase_with_its_own_words(flow: Flow) -> None:
    """Whatever the program's exit code was."""
    flow.rule(fail="The worker pool could not be started: QUOTA_EXCEEDED")

    ran = flow.run("bf", "bftruncate")

    assert (ran.exit_code, flow.events("committed")) == (4, [])
    assert (
        "ended FAILED: The worker pool could not be started: QUOTA_EXCEEDED"
        in flow.events("failed")[0].payload["error"]
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        pytest.param({"labels": "--etiquettes"}, "Dataflow has no job with its labels", id="labels"),
        pytest.param({"worker_image": "--image"}, "declared is visits:", id="the image"),
    ],
)
def test_a_program_that_does_not_pass_options_on_is_found_out(flow: Flow, flags: Mapping[str, str], said: str) -> None:
    """What cannot be found could not be cancelled, and what ran something else proves nothing."""
    flow.publish("visits:default")
    program = SUBMITTER.replace('flags["sdk_container_image"]', 'flags.get("sdk_container_image", "visits:default")')
    flow.bench.commit(GOOD, "careless", program=program)
    flow.declare(flags=dict(flags))

    flow.bench.run("bf", commit="careless", experiment_id=flow.experiment, **SHORT)

    assert said in flow.events("failed")[0].payload["error"]


def test_trap_43_cancelling_a_run_cancels_its_queued_job(flow: Flow) -> None:
    """The run's own process does it, before it says that it is over."""
    flow.rule(hold=True)
    attentive, patient = (flow.bench.settings.model_copy(update={"patience": one}) for one in (OFTEN, MORE))
    run = replace(flow, bench=replace(flow.bench, settings=attentive)).run
    running = threading.Thread(target=run, args=("bf",))
    running.start()
    (submitted,) = flow.soon(lambda: flow.events("job_submitted"))

    outcome = cancel(wiring.premises(patient), RunId(submitted.run_id))
    running.join()

    assert outcome == WasCancelled(by_itself=True)
    assert [job.state for job in flow.jobs()] == ["CANCELLED"]


def test_trap_43_cancelling_a_dead_run_cancels_its_queued_job(flow: Flow) -> None:
    """Nobody else would, and it would write into tables that are gone."""
    run_id = killed_run(flow)

    outcome = cancel(wiring.premises(impatient(flow)), run_id)

    assert isinstance(outcome, WasCancelled)
    assert (outcome.by_itself, outcome.jobs) == (False, 1)
    assert [job.state for job in flow.jobs()] == ["CANCELLED"]


@pytest.fixture
def all_jobs(flow: Flow) -> Iterator[Callable[..., None]]:
    """Rules what becomes of any job, one without labels too; such the program submits here, which passes none on."""
    flow.declare(flags={"labels": None})
    yield lambda **rule: flow.put_rules({"all": rule})
    flow.put_rules({"all": None})


def jobs_by_name(flow: Flow) -> list[str]:
    """The states of the jobs of the names that runs expected."""
    service = wiring.surroundings(flow.bench.settings).jobs()
    marks = [JobMarks(labels={}, name=event.payload["name"]) for event in flow.events("job_expected")]
    return [job.state for one in marks for job in service.find(one, datetime.now(UTC) - timedelta(hours=1))]


def test_a_job_without_labels_is_found_by_its_name(flow: Flow, all_jobs: Callable[..., None]) -> None:
    """A program that cannot pass labels on passes the name, which only this step of this attempt has."""
    all_jobs(done=True)
    ran = flow.run("bf")

    assert (ran.executed, ran.exit_code, jobs_by_name(flow)) == (1, 3, ["DONE"])
    assert flow.jobs() == ()


def test_trap_43_cancelling_a_dead_run_finds_a_job_without_labels(flow: Flow, all_jobs: Callable[..., None]) -> None:
    """By the name that the run had written down before it began."""
    all_jobs(hold=True)
    run_id = killed_once_submitted(flow)

    outcome = cancel(wiring.premises(impatient(flow)), run_id)

    assert isinstance(outcome, WasCancelled)
    assert (outcome.jobs, jobs_by_name(flow)) == (1, ["CANCELLED"])


def test_anybody_goes_on_waiting_for_the_jobs_of_a_dead_run(flow: Flow) -> None:
    """Until they have ended, whose state is kept; the run does not come to life by it."""
    run_id = killed_run(flow)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "QUEUED" in line:
            flow.rule(done=True)

    around = wiring.surroundings(flow.bench.settings)
    registry = wiring.registry(impatient(flow))
    outcome = attach(registry, around.jobs, run_id, tell)

    assert isinstance(outcome, Orphaned)
    assert [(job.step, job.state) for job in outcome.jobs] == [("count", "DONE")]
    assert [event.payload["state"] for event in flow.events("job_attended")] == ["DONE"]
    assert told[0].startswith("bf phase 1: job submitted 20")
    assert run_id in registry.heard().runs
    assert attach(registry, around.jobs, run_id, tell) == outcome


@pytest.fixture
def held(flow: Flow, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The tests' engine, which both the run and the local Dataflow look on."""
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])
    flow.look_on(engine.variables["DOCKER_HOST"])
    yield engine
    flow.look_on(None)


@pytest.fixture
def sleeper(flow: Flow, held: Engine) -> Engine:
    """The tests' engine, where the declared image is one whose workers do nothing for long."""
    with base_image({"/usr/local/sbin/python": "#!/bin/sh\nexec sleep 600\n"}) as archive:
        held.api.import_image_from_file(str(archive), repository="dit-test-sleeper", tag="1")
    flow.declare(image="dit-test-sleeper:1")
    return held


def test_the_worker_of_a_dead_runs_job_is_cleaned_up(flow: Flow, sleeper: Engine) -> None:
    """It began after its submitter was killed; its container is found by its label, and its job is over.

    The clean-up cancels the job and takes the container: whichever comes first, there is nothing left of either.
    """
    killed_run(flow)
    flow.rule()
    sleeper.running()
    once_silent(flow.bench, DEAD)

    swept = gc(flow.bench, patience=DEAD)

    assert [type(item) for item in swept.gone].count(DeadContainer) == 1
    assert sleeper.containers() == []
    assert flow.soon(lambda: [job.state for job in flow.jobs() if job.is_over]) in (["FAILED"], ["CANCELLED"])
    assert flow.events("committed") == []


def test_a_job_that_is_cancelled_elsewhere_fails_its_phase(flow: Flow, sleeper: Engine) -> None:
    """While its worker runs: nothing is committed, and no container is left."""
    ran: list[Any] = []
    running = threading.Thread(target=lambda: ran.append(flow.run("bf")))
    flow.rule()
    running.start()
    sleeper.running()
    (job,) = flow.jobs()

    wiring.surroundings(flow.bench.settings).jobs().cancel(job.id)
    running.join()

    assert (ran[0].exit_code, flow.events("committed"), sleeper.containers()) == (4, [], [])
    assert "ended CANCELLED" in flow.events("failed")[0].payload["error"]


def test_a_worker_that_is_killed_fails_its_phase(flow: Flow, sleeper: Engine) -> None:
    """With its exit code in the phase's error."""
    ran: list[Any] = []
    running = threading.Thread(target=lambda: ran.append(flow.run("bf")))
    flow.rule()
    running.start()

    sleeper.api.kill(sleeper.running())
    running.join()

    assert (ran[0].exit_code, flow.events("committed"), sleeper.containers()) == (4, [], [])
    assert "ended FAILED: the worker ended with 137" in flow.events("failed")[0].payload["error"]


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        pytest.param(PUBLISHED, "INCOMPARABLE", id="one image for both"),
        pytest.param(OWN, "IDENTICAL", id="an image for each"),
    ],
)
def test_trap_21_two_commits_whose_workers_ran_one_program_are_incomparable(
    flow: Flow, image: str, verdict: str
) -> None:
    """Trap 21: the published image on both sides is no comparison, however equal the tables are."""
    flow.publish(PUBLISHED)
    flow.declare(image=image)
    flow.bench.commit(f"{GOOD}\n-- the same, said otherwise", "other", program=SUBMITTER)

    found = api.diff(
        "visits",
        {"before": "flow", "after": "other"},
        settings=flow.bench.settings,
        modes=["bf", "bftruncate"],
        experiment_id=flow.experiment,
        **SHORT,
    )

    compared = diff_json(found)["comparisons"]
    assert {one["verdict"] for one in compared} == {verdict}
    if verdict == "INCOMPARABLE":
        assert f"the workers of both bindings ran published-{flow.experiment}" in compared[0]["reason"]


def test_what_dataflow_needs_is_asked_for_before_anything_is_recorded(flow: Flow) -> None:
    """On Google there is no default for a region or a bucket."""
    pipeline = wiring.find_pipeline("visits", flow.bench.settings)
    around = wiring.surroundings(flow.bench.settings)
    bare = flow.bench.settings.beam_place(around.warehouse.project)
    place = wiring.workplace(
        pipeline,
        flow.bench.settings,
        wiring.Surroundings(warehouse=around.warehouse, variables=around.variables, beam=bare, jobs=around.jobs),
    )
    request = api.make_request(api.Asked(pipeline="visits", commit="flow"), pipeline, place, flow.bench.settings)

    with pytest.raises(UsageError, match="no region for DataflowRunner: set DIT_DATAFLOW_REGION"):
        api.run_prepared(request, place)

    assert flow.events("run_planned") == []


def test_dataflow_runs_the_image_that_is_built_of_the_tree(flow: Flow, held: Engine) -> None:
    """Built by the run that needs it first, under the name that the job asks for; on another base it is another."""
    flow.declare(image="{image}", container=FROM_TREE)

    first, again = flow.run("bf"), flow.run("bf")
    found = ensure_worker_image("visits", "flow", settings=flow.bench.settings)
    jobs = flow.jobs()
    flow.declare(image="{image}", container={"recipe": f"FROM {BASE}\nWORKDIR /elsewhere\nCOPY . .\n"})
    rebuilt = flow.run("bf")

    assert (first.executed, again.executed, rebuilt.executed) == (1, 0, 1)
    assert isinstance(found, AlreadyThere)
    assert [(job.images, job.worker) for job in jobs] == [((found.name,), found.image)]
    assert {job.images for job in flow.jobs()} > {(found.name,)}


def test_an_image_that_cannot_be_told_of_starts_no_job(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not answer ends the run before the step."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    flow.declare(image="{image}", container=FROM_TREE)

    with pytest.raises(InfrastructureError, match="no container engine answers"):
        flow.run("bf")

    assert flow.jobs() == ()
