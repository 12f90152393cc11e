"""The image of a commit: made ahead by the public function, or by the run whose workers on Dataflow are to run it."""

from __future__ import annotations

import pytest

from dit_dagster import ensure_worker_image, wiring
from dit_dagster.errors import UsageError
from dit_dagster.model.worker_image import AlreadyThere, Built, CouldNotTell
from dit_dagster_tests.containers.engine import BASE, Engine
from dit_dagster_tests.scenarios.bench import Bench

FROM_TREE = {"recipe": f"FROM {BASE}\nWORKDIR /program\nCOPY . .\n"}


def test_a_run_uses_the_image_that_was_made_ahead(
    bench: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once built it is there, and it is what the steps run."""
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])
    bench.declare(container=FROM_TREE)

    first, second = (ensure_worker_image("visits", "HEAD", settings=bench.settings) for _ in range(2))
    ran = bench.run("bf", runner="docker")

    assert isinstance(first, Built)
    assert second == AlreadyThere(name=first.name, image=first.image)
    assert {image for mode in ran.json["modes"] for phase in mode["phases"] for image in phase.get("images", ())} == {
        first.image
    }


def test_an_engine_that_does_not_answer_is_not_one_without_the_image(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is an image cannot be told."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    bench.declare(container=FROM_TREE)

    found = ensure_worker_image("visits", "HEAD", settings=bench.settings)

    assert isinstance(found, CouldNotTell)
    assert "no container engine answers at tcp://127.0.0.1:1" in found.reason


def test_a_pipeline_without_a_container_has_no_image(bench: Bench) -> None:
    """A wrong use, not an image that is absent."""
    with pytest.raises(UsageError, match="declares no container"):
        ensure_worker_image("visits", "HEAD", settings=bench.settings)


def test_google_cannot_pull_an_image_of_this_machine(bench: Bench) -> None:
    """On BigQuery the image must be in a repository that Dataflow's workers reach."""
    steps = [{"name": "count", "command": ["count"], "beam": {"worker_image": "{image}"}}]
    bench.declare(container=FROM_TREE, steps=steps)
    settings = bench.settings.model_copy(update={"warehouse": "bigquery", "project": "none"})

    with pytest.raises(UsageError, match="DIT_WORKER_REPOSITORY"):
        wiring.prepare_environments(wiring.find_pipeline("visits", settings), ["HEAD"], settings)
