"""Where a pipeline's steps run: as its declaration says, or as a command line says instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from pydantic import ValidationError

from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.beam import DATAFLOW, Beam
from dit_dagster.model.container import Container, Runner
from dit_dagster.model.pipeline import NO_CONTAINER, Pipeline

_DIRECT = "DirectRunner"


def placed(pipeline: Pipeline, runner: str | None, worker_image: str | None) -> Pipeline:
    """The pipeline on another runner, or on another image; as it is declared without either.

    `process` and `docker` run steps in Beam right there, `dataflow` has them run by Dataflow, whatever is declared.
    Raises UnknownName for no such runner, UsageError for one that this pipeline cannot have.
    """
    moved = pipeline if runner is None else _moved(pipeline, runner)
    found = moved if worker_image is None else _on_image(moved, worker_image)
    if found.runner == "docker" and found.container is None:
        raise UsageError(f"--runner docker: {pipeline.name} {NO_CONTAINER}, or give --worker-image")
    return found


def runner_of(pipeline: Pipeline) -> Runner:
    """What `--runner` would have to say for this pipeline to run where it does."""
    return "dataflow" if _on_dataflow(pipeline) else pipeline.runner


def worker_image_of(pipeline: Pipeline) -> str | None:
    """The published image that the steps run, if they do: on Dataflow its workers', in containers theirs."""
    if _on_dataflow(pipeline):
        return next((one for beam in _beams(pipeline) if (one := beam.worker_image) is not None), None)
    return pipeline.container.image if pipeline.runner == "docker" and pipeline.container is not None else None


def _moved(pipeline: Pipeline, runner: str) -> Pipeline:
    match next((one for one in get_args(Runner) if one == runner), None):
        case None:
            raise UnknownName(f"unknown runner {runner!r} in --runner; there are {', '.join(get_args(Runner))}")
        case "dataflow":
            if not _beams(pipeline):
                raise UsageError(
                    f"--runner dataflow: {pipeline.name} has no step in Beam; the runners are process and docker"
                )
            return _with_beam(pipeline, lambda beam: beam.model_copy(update={"runner": DATAFLOW}))
        case place:
            # What Dataflow's workers run, and how many there are, means nothing where there are none.
            local = {"runner": _DIRECT, "worker_image": None, "max_workers": None}
            here = _with_beam(pipeline, lambda beam: beam.model_copy(update=local))
            return here.model_copy(update={"runner": place})


def _on_image(pipeline: Pipeline, image: str) -> Pipeline:
    published = _published(image)
    if _on_dataflow(pipeline):
        return _with_beam(pipeline, lambda beam: beam.model_copy(update={"worker_image": image}))
    if pipeline.runner != "docker":
        raise UsageError(f"--worker-image: {pipeline.name} runs in no container; give --runner docker too")
    container = published if pipeline.container is None else pipeline.container.on(image)
    return pipeline.model_copy(update={"container": container})


def _published(image: str) -> Container:
    try:
        return Container(image=image)
    except ValidationError as error:
        raise UsageError(
            f"--worker-image {image!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _on_dataflow(pipeline: Pipeline) -> bool:
    return any(_names_dataflow(beam.runner, pipeline) for beam in _beams(pipeline))


def _names_dataflow(runner: str, pipeline: Pipeline) -> bool:
    values = {f"{{parameter.{name}}}": str(value) for name, value in pipeline.parameters.items()}
    return values.get(runner, runner) == DATAFLOW


def _beams(pipeline: Pipeline) -> list[Beam]:
    return [step.beam for step in pipeline.steps if step.beam is not None]


def _with_beam(pipeline: Pipeline, change: Callable[[Beam], Beam]) -> Pipeline:
    steps = tuple(
        step if step.beam is None else step.model_copy(update={"beam": change(step.beam)}) for step in pipeline.steps
    )
    return pipeline.model_copy(update={"steps": steps})
