"""Builds: submitted once, followed to their end, cancelled, and what their end says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dit_dagster.adapters.cloud_build.archive import packed
from dit_dagster.adapters.cloud_build.builds import BuildSeen, CloudBuilds, StepSeen, exit_code
from dit_dagster.adapters.cloud_build.connection import Connection
from dit_dagster.adapters.cloud_build.requests import JUDGE, BuildPlace, StoredSource, image_request, run_request
from dit_dagster.errors import InfrastructureError, NotFound, UsageError
from dit_dagster.model.container import Container
from dit_dagster.model.identity import BuildId, ImageName
from dit_dagster_tests.google_discovery import wrong
from dit_dagster_tests.google_stand_in import BUCKET, PROJECT, StandIn, google

STORED = StoredSource(bucket=BUCKET, name="dit-sources/x.tar.gz", generation=1)
NAME = ImageName(f"europe-docker.pkg.dev/p/images/trips:{'a' * 64}")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with google() as made:
        yield made
    assert "the stand-in" not in " ".join(made.refused)


@pytest.fixture
def connection(stand_in: StandIn) -> Connection:
    return Connection(project=PROJECT, region="global", address=stand_in.address)


@pytest.fixture
def builds(connection: Connection) -> CloudBuilds:
    return connection.builds()


def a_run(source: StoredSource, **more: Any) -> Mapping[str, Any]:
    arguments = ["run", "trips", "--commit", "c" * 40]
    return run_request(
        arguments, {"DIT_PROJECT": "p"}, source, image="dit", place=BuildPlace(), tags=["mark-1"], **more
    )


def test_a_request_for_an_image_is_what_the_service_takes() -> None:
    """As text: kaniko gets the tree, the Dockerfile, the name and the labels, and no shell; a dollar stays one."""
    container = Container(dockerfile="Dockerfile", context="src", target="last", build_args={"MODE": "$HOME"})
    request = image_request(
        container, NAME, {"dit": "generated"}, STORED, kaniko="kaniko:1", place=BuildPlace(), tags=["dit"]
    )

    assert request == {
        "source": {"storageSource": {"bucket": BUCKET, "object": "dit-sources/x.tar.gz", "generation": "1"}},
        "steps": [
            {
                "id": "image",
                "name": "kaniko:1",
                "args": [
                    "--context=dir:///workspace/tree/src",
                    "--dockerfile=/workspace/dit.Dockerfile",
                    f"--destination={NAME}",
                    "--target=last",
                    "--build-arg=MODE=$$HOME",
                    "--label=dit=generated",
                ],
            }
        ],
        "timeout": "7200s",
        "tags": ["dit"],
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
    }
    assert wrong("cloudbuild.v1", "Build", request, sent=True) is None


def test_a_request_for_a_run_looks_who_it_is_first() -> None:
    """The step that may cost something waits for the one that costs nothing."""
    request = a_run(STORED)

    assert [(step["id"], step.get("waitFor"), step["args"][0]) for step in request["steps"]] == [
        ("probe", None, "cloud"),
        ("judge", ["probe"], "run"),
    ]
    assert wrong("cloudbuild.v1", "Build", request, sent=True) is None


def test_the_build_that_ships_is_what_the_service_takes() -> None:
    """The file at the top of the repository, which looks who it is before it judges."""
    shipped = yaml.safe_load((Path(__file__).parents[3] / "cloudbuild.yaml").read_text(encoding="utf-8"))

    assert wrong("cloudbuild.v1", "Build", shipped, sent=True) is None
    assert [step["id"] for step in shipped["steps"]] == ["image", "probe", "judge"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"stepz": []}, id="an unknown field"),
        pytest.param({"timeout": 7200}, id="a number for a duration"),
        pytest.param({"status": "SUCCESS"}, id="what only the service writes"),
        pytest.param({"options": {"logging": "LOUD"}}, id="a value that is none"),
    ],
)
def test_what_the_service_would_not_take_is_noticed(change: Mapping[str, Any]) -> None:
    """The judge of requests can fail."""
    assert wrong("cloudbuild.v1", "Build", {**a_run(STORED), **change}, sent=True) is not None


def test_a_source_is_sent_once(stand_in: StandIn, connection: Connection) -> None:
    """It is named by what it holds."""
    bucket = connection.bucket(BUCKET)
    archive = packed({}, {"a": b"1"})

    assert bucket.put(archive) == bucket.put(packed({}, {"a": b"1"}))
    assert list(stand_in.objects.values()) == [archive]


def test_a_bucket_that_is_not_there_is_named(connection: Connection) -> None:
    """With the variable that names it."""
    with pytest.raises(InfrastructureError, match=r"could not be sent to gs://other: .*check DIT_BUILD_BUCKET"):
        connection.bucket("other").put(b"x")


def test_a_build_is_followed_to_its_end(stand_in: StandIn, connection: Connection, builds: CloudBuilds) -> None:
    """Its id is known at once."""
    stand_in.judged(1)

    build = builds.submit(a_run(connection.bucket(BUCKET).put(b"x")), "mark-1")
    seen = builds.follow(build, stopped=lambda: False)

    assert (seen.status, exit_code(seen, JUDGE)) == ("FAILURE", 1)


def test_a_submission_whose_answer_is_lost_is_not_sent_again(
    stand_in: StandIn, connection: Connection, builds: CloudBuilds
) -> None:
    """The build that was made is found by its tag: there is one, which is paid for once."""
    source = connection.bucket(BUCKET).put(b"x")
    stand_in.lost.add("cloudbuild.projects.locations.builds.create")

    build = builds.submit(a_run(source), "mark-1")

    assert list(stand_in.builds) == [build]
    assert stand_in.asked.count("cloudbuild.projects.locations.builds.create") == 1


def test_a_submission_that_fails_made_no_build(stand_in: StandIn, connection: Connection, builds: CloudBuilds) -> None:
    """And it says so."""
    source = connection.bucket(BUCKET).put(b"x")
    stand_in.failing["cloudbuild.projects.locations.builds.create"] = 503

    with pytest.raises(InfrastructureError, match=r"503 .*no build with the tag mark-1 was made"):
        builds.submit(a_run(source), "mark-1")
    assert stand_in.builds == {}


def test_a_request_that_is_refused_is_wrong_use(builds: CloudBuilds) -> None:
    """With the service's words."""
    with pytest.raises(UsageError, match="Google refused the build: the source is not there"):
        builds.submit(a_run(STORED), "mark-1")


def test_a_build_is_cancelled_once(stand_in: StandIn, connection: Connection, builds: CloudBuilds) -> None:
    """The second time there is nothing to cancel, and that is no error."""
    build = builds.submit(a_run(connection.bucket(BUCKET).put(b"x")), "mark-1")

    assert (builds.cancel(build), builds.cancel(build)) == (True, False)
    assert stand_in.builds[build]["status"] == "CANCELLED"


def test_a_build_that_is_not_there_is_named(builds: CloudBuilds) -> None:
    """Neither for looking nor for cancelling is it one that has ended."""
    absent = BuildId("00000000-0000-0000-0000-000000000000")

    with pytest.raises(NotFound, match="check its id, DIT_PROJECT and DIT_BUILD_REGION"):
        builds.cancel(absent)


@pytest.mark.parametrize(
    ("status", "step", "code"),
    [
        pytest.param("SUCCESS", StepSeen(status="SUCCESS", code=0), 0, id="pass"),
        pytest.param("SUCCESS", StepSeen(status="FAILURE", code=1), 4, id="a failure that was allowed"),
        pytest.param("SUCCESS", None, 4, id="success without the step"),
        pytest.param("SUCCESS", StepSeen(status="QUEUED", code=None), 4, id="success, and the step never ran"),
        pytest.param("FAILURE", StepSeen(status="FAILURE", code=1), 1, id="a verdict failed"),
        pytest.param("FAILURE", StepSeen(status="FAILURE", code=2), 2, id="wrong use"),
        pytest.param("FAILURE", StepSeen(status="FAILURE", code=3), 3, id="inconclusive"),
        pytest.param("FAILURE", StepSeen(status="FAILURE", code=4), 4, id="infrastructure"),
        pytest.param("FAILURE", StepSeen(status="FAILURE", code=137), 4, id="killed"),
        pytest.param("FAILURE", StepSeen(status="SUCCESS", code=0), 4, id="another step failed"),
        pytest.param("FAILURE", StepSeen(status="QUEUED", code=None), 4, id="the probe failed"),
        pytest.param("TIMEOUT", StepSeen(status="TIMEOUT", code=None), 4, id="timeout"),
        pytest.param("CANCELLED", StepSeen(status="SUCCESS", code=0), 4, id="cancelled"),
        pytest.param("INTERNAL_ERROR", None, 4, id="internal error"),
        pytest.param("SOMETHING_NEW", StepSeen(status="SUCCESS", code=0), 4, id="unknown"),
    ],
)
def test_only_a_build_that_ended_well_in_every_respect_is_a_pass(status: str, step: StepSeen | None, code: int) -> None:
    """0 needs the build, the step and the program to say so; what is no verdict is 4."""
    build = BuildId("00000000-0000-0000-0000-000000000000")
    steps = {JUDGE: step} if step is not None else {}

    assert exit_code(BuildSeen(id=build, status=status, steps=steps), JUDGE) == code


def test_who_we_are_is_asked_for_what_is_missing(stand_in: StandIn, connection: Connection) -> None:
    """Before anything is paid for."""
    stand_in.granted.remove("cloudbuild.builds.update")

    assert connection.whoami("submit").missing == ("cloudbuild.builds.update",)


def test_what_may_be_done_and_cannot_be_told_is_an_error(stand_in: StandIn, connection: Connection) -> None:
    """It is neither granted nor missing."""
    stand_in.failing["cloudresourcemanager.projects.testIamPermissions"] = 403

    with pytest.raises(InfrastructureError, match="Google refused the permissions on project stand-in: 403"):
        connection.whoami("submit")
