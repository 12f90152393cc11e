"""Traps 21 and 47, and what is left when a run whose steps are in containers is stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dit_dagster import api
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.running.collection import DeadContainer
from dit_dagster_tests.campaigns.runs import Campaign
from dit_dagster_tests.containers.engine import BASE, Engine
from dit_dagster_tests.scenarios.bench import A_DAY_LOST, GOOD, PROGRAM, Bench, Ran
from dit_dagster_tests.scenarios.test_traps_cleaning import SECONDS, gc, once_silent

FROM_TREE = {"recipe": f"FROM {BASE}\nWORKDIR /program\nCOPY . .\n"}
WITH_VOLUME = {"recipe": f"{FROM_TREE['recipe']}VOLUME /cache\n"}
SLOW = f"import time; print('here', flush=True); time.sleep(600)\n{PROGRAM}"


@pytest.fixture(autouse=True)
def _led_to_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])


def images(ran: Ran) -> set[str]:
    return {image for mode in ran.json["modes"] for phase in mode["phases"] for image in phase.get("images", ())}


def test_a_container_comes_to_what_a_process_comes_to(bench: Bench, engine: Engine) -> None:
    """The same verdicts on the same digests, from phases of their own; afterwards no container is left."""
    bench.declare(container=FROM_TREE)

    process, docker = bench.run("bf", "bfd"), bench.run("bf", "bfd", runner="docker")
    again = bench.run("bf", "bfd", runner="docker")

    assert (process.verdicts, docker.verdicts) == ({"bfd": "IDENTICAL"}, {"bfd": "IDENTICAL"})
    assert digests(bench, docker) == digests(bench, process) != []
    assert (docker.executed, docker.reused, again.executed, again.reused) == (process.executed, 0, 0, process.executed)
    assert (len(images(docker)), images(process), engine.containers()) == (1, set(), [])


def digests(bench: Bench, ran: Ran) -> list[str]:
    """What each state that the run made holds."""
    return sorted(
        str(event.payload["digest"]) for event in bench.events_of(ran.json["run_id"]) if event.kind == "digest"
    )


def test_a_bug_is_found_in_a_container_too(bench: Bench) -> None:
    """The image is built from the commit's tree: another commit is another program."""
    bench.declare(container=FROM_TREE, runner="docker")
    bench.commit(A_DAY_LOST, "lost")

    report = bench_diff(bench)

    assert [one["verdict"] for one in report["comparisons"]] == ["DIFFERENT"]


def test_trap_21_two_trees_that_ran_one_image_are_not_compared(bench: Bench, engine: Engine) -> None:
    """Trap 21: the published image ran on both sides, so that nothing is known of either commit."""
    bench.declare(container=FROM_TREE)
    bench.commit(A_DAY_LOST, "lost")
    built = images(bench.run("bf", runner="docker")).pop()
    engine.api.tag(built, "visits", "1")

    report = bench_diff(bench, runner="docker", worker_image="visits:1")

    (found,) = report["comparisons"]
    assert (found["verdict"], report["outcome"]) == ("INCOMPARABLE", "inconclusive")
    assert found["reason"].startswith(f"both ran image {built}, whose code cannot be that of two trees")


def bench_diff(bench: Bench, **options: Any) -> dict[str, Any]:
    bindings = {"one": "good", "other": "lost"}
    return dict(diff_json(api.diff("visits", bindings, settings=bench.settings, modes=["bf"], **options)))


@pytest.mark.parametrize("runner", ["process", "docker"])
def test_trap_47_no_runner_shows_a_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch, runner: str) -> None:
    """Trap 47: not in a log, a note, an event or the report of a step that fails; what is no secret is shown."""
    monkeypatch.setenv("API_TOKEN", "s3cr3t-value")
    step = {**bench.declaration["steps"][0], "secrets": ["API_TOKEN"], "environment": {"MODE": "in the open"}}
    bench.declare(container=FROM_TREE, steps=[step])
    says = "import os, sys; print('given', os.environ['API_TOKEN'], os.environ['MODE'], flush=True)\n"
    bench.commit(GOOD, "says", program=f"{says}sys.exit('refused ' + os.environ['API_TOKEN'])")
    notes: list[str] = []

    ran = bench.run("bf", commit="says", runner=runner, watch=lambda note: notes.append(note.text))

    (log,) = (bench.settings.directory / "logs").rglob("*.log")
    written = [log.read_text(), *notes, str(ran.json), str(bench.events_of(ran.json["run_id"]))]
    assert "given [API_TOKEN] in the open" in written[0]
    assert "refused [API_TOKEN]" in str(ran.json)
    assert [text for text in written if "s3cr3t-value" in text] == []


def started(bench: Bench, engine: Engine, folder: Path) -> subprocess.Popen[str]:
    """A run whose step is in a container and stays there; its image has the engine make a volume for it."""
    bench.declare(container=WITH_VOLUME, runner="docker")
    bench.commit(GOOD, "slow", program=SLOW)
    process = Campaign(bench=bench, folder=folder).dit("run", "visits", "--commit", "slow", "--modes", "bf")
    engine.running()
    assert engine.volumes_and_networks() != set()
    return process


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")]
)
def test_a_run_that_is_stopped_leaves_no_container(
    bench: Bench, engine: Engine, tmp_path: Path, signals_as_usual: None, number: signal.Signals, code: int
) -> None:
    """And none of its tables, but the pin of its source, which another run may use."""
    process = started(bench, engine, tmp_path)

    process.send_signal(number)
    said, _ = process.communicate(timeout=SECONDS)

    assert (process.returncode, engine.containers(), engine.volumes_and_networks()) == (code, [], set()), said
    assert [name for name in bench.tables() if "_pin_" not in name] == []


def test_what_a_killed_run_leaves_is_cleaned_up(
    bench: Bench, engine: Engine, tmp_path: Path, signals_as_usual: None
) -> None:
    """Its container still runs, and is found by its label; one of a run that nobody here knows is left alone."""
    process = started(bench, engine, tmp_path)
    stranger = engine.api.create_container(BASE, command=["true"], labels={"dit": "generated", "dit_run": "unknown-1"})
    try:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        left = len(engine.containers())
        once_silent(bench, 2.0)

        swept = gc(bench, patience=2.0)

        assert [type(item) for item in swept.gone].count(DeadContainer) == left - 1 == 1
        assert [one["Id"] for one in engine.api.containers(all=True)] == [stranger["Id"]]
        assert engine.volumes_and_networks() == set()
    finally:
        engine.api.remove_container(stranger["Id"])
