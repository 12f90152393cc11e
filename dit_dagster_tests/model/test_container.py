"""A declared container: what it may say, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.errors import BadDeclaration, UnknownName, UsageError
from dit_dagster.model.container import Container
from dit_dagster.model.placement import placed, runner_of, worker_image_of
from dit_dagster_tests.builders import a_pipeline


@pytest.mark.parametrize(
    ("container", "said"),
    [
        pytest.param({}, "give one of image, dockerfile, recipe, service; given: none", id="no image"),
        pytest.param({"image": "a", "recipe": "FROM a"}, "given: image, recipe", id="two images"),
        pytest.param({"image": "a", "target": "last"}, "for an image that is built", id="a stage of a published one"),
        pytest.param({"image": "a", "compose": "compose.yaml"}, "names the file of a service", id="a file of none"),
        pytest.param({"image": "a:{branch}"}, "no placeholder {branch}; allowed: {commit}, {tree}", id="a placeholder"),
        pytest.param({"dockerfile": "../Dockerfile"}, "container.dockerfile", id="a file outside of the tree"),
        pytest.param({"dockerfile": "a/../../b"}, "leaves the tree", id="a file outside of the tree, hidden"),
        pytest.param({"image": "a", "memory": "much"}, "container.memory", id="memory"),
        pytest.param({"image": "a", "cpus": 0}, "container.cpus", id="no processor"),
        pytest.param({"image": "a", "volumes": ["cache"]}, "container.volumes.0", id="a volume without a place"),
        pytest.param({"image": "a", "environment": {"A-B": "1"}}, "container.environment", id="a variable's name"),
        pytest.param({"image": "a", "privileged": True}, "container.privileged: unknown field; allowed:", id="a field"),
    ],
)
def test_a_wrong_container_is_named(container: dict[str, Any], said: str) -> None:
    """With the field, before anything is done."""
    with pytest.raises(BadDeclaration) as caught:
        a_pipeline(container=container)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "runner", "image", "where"),
    [
        pytest.param({}, None, None, ("process", None), id="nothing"),
        pytest.param({"container": {"image": "a"}}, "docker", None, ("docker", "a"), id="a runner"),
        pytest.param({"container": {"image": "a"}, "runner": "docker"}, "process", None, ("process", None), id="back"),
        pytest.param({}, "docker", "b:1", ("docker", "b:1"), id="an image where no container is declared"),
        pytest.param(
            {"container": {"recipe": "FROM a", "target": "x"}, "runner": "docker"},
            *(None, "b:1", ("docker", "b:1")),
            id="an image instead of one that is built",
        ),
    ],
)
def test_the_command_line_says_where_steps_run(
    declared: dict[str, Any], runner: str | None, image: str | None, where: tuple[str, str | None]
) -> None:
    """Instead of what is declared."""
    found = placed(a_pipeline(**declared), runner, image)

    assert (runner_of(found), worker_image_of(found)) == where


def test_another_image_leaves_the_rest_of_the_container() -> None:
    """How it is run does not follow from its image."""
    declared = Container(recipe="FROM a", build_args={"A": "1"}, environment={"B": "2"}, user="1000", memory="1g")

    assert declared.on("b:1") == Container(image="b:1", environment={"B": "2"}, user="1000", memory="1g")


@pytest.mark.parametrize(
    ("runner", "image", "error", "said"),
    [
        pytest.param("docker", None, UsageError, "trips declares no container", id="no container"),
        pytest.param("dataflow", None, UsageError, "has no step in Beam", id="no Beam"),
        pytest.param(None, "a:1", UsageError, "give --runner docker too", id="an image for a process"),
        pytest.param("docker", "a:{foo}", UsageError, "'a:{foo}': no placeholder {foo}", id="a template"),
        pytest.param("docker", "", UsageError, "at least 1 character", id="no name"),
        pytest.param("kubernetes", None, UnknownName, "there are process, docker, dataflow", id="no such runner"),
    ],
)
def test_a_place_that_there_is_not_is_named(
    runner: str | None, image: str | None, error: type[Exception], said: str
) -> None:
    """As wrong use, with the remedy."""
    with pytest.raises(error, match=said):
        placed(a_pipeline(), runner, image)


BEAM = {
    "name": "count",
    "command": ["count", "{table.daily}"],
    "beam": {"worker_image": "own:{tree}", "max_workers": 2},
}


@pytest.mark.parametrize(
    ("declared", "runner", "image", "where", "beam"),
    [
        pytest.param({}, None, None, ("dataflow", "own:{tree}"), ("DataflowRunner", "own:{tree}", 2), id="declared"),
        pytest.param({}, "dataflow", "a:1", ("dataflow", "a:1"), ("DataflowRunner", "a:1", 2), id="another image"),
        pytest.param({}, None, "a:1", ("dataflow", "a:1"), ("DataflowRunner", "a:1", 2), id="an image alone"),
        pytest.param({}, "process", None, ("process", None), ("DirectRunner", None, None), id="in the process"),
        pytest.param({}, "docker", "a:1", ("docker", "a:1"), ("DirectRunner", None, None), id="in a container"),
        pytest.param(
            {"runner": "docker", "container": {"image": "b"}},
            *(None, "a:1", ("dataflow", "a:1"), ("DataflowRunner", "a:1", 2)),
            id="submitted from a container",
        ),
    ],
)
def test_beam_runs_where_the_command_line_says(
    declared: dict[str, Any],
    runner: str | None,
    image: str | None,
    where: tuple[str, str | None],
    beam: tuple[str, str | None, int | None],
) -> None:
    """Each runner is a place of its own: with `process` and `docker` nothing goes to Dataflow."""
    found = placed(a_pipeline(steps=[BEAM], **declared), runner, image)
    (step,) = found.steps

    assert step.beam is not None
    assert (runner_of(found), worker_image_of(found)) == where
    assert (step.beam.runner, step.beam.worker_image, step.beam.max_workers) == beam


def test_a_step_in_this_process_can_go_to_dataflow() -> None:
    """What is declared for a laptop runs there too, and a runner that is a parameter counts as what it is."""
    parameter = {"parameters": {"where": "DataflowRunner"}}
    direct, named = (
        a_pipeline(steps=[{**BEAM, "beam": {"runner": runner}}], **more)
        for runner, more in (("DirectRunner", {}), ("{parameter.where}", parameter))
    )

    assert [runner_of(one) for one in (direct, placed(direct, "dataflow", None), named)] == [
        "process",
        "dataflow",
        "dataflow",
    ]


def test_an_image_of_the_tree_needs_a_way_to_build_it() -> None:
    """A worker image that is to be built is declared as a container is."""
    steps = [{**BEAM, "beam": {"worker_image": "{image}"}}]

    for declared in ({}, {"container": {"image": "published:1"}}):
        with pytest.raises(BadDeclaration, match="nothing says how"):
            a_pipeline(steps=steps, **declared)
    assert a_pipeline(steps=steps, container={"recipe": "FROM a"}).builds_worker_image
