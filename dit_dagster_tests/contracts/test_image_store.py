"""The ImageStore port: in memory, on the engine, and built by Cloud Build into a registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dit_dagster.adapters.cloud_build.connection import Connection
from dit_dagster.adapters.cloud_build.images import KanikoImages, Premises
from dit_dagster.adapters.cloud_build.published import ImagesFromTheCloud
from dit_dagster.adapters.cloud_build.requests import BuildPlace
from dit_dagster.adapters.docker import EngineImages
from dit_dagster.adapters.image_registry import ImageRegistry
from dit_dagster.adapters.memory import MemoryImages
from dit_dagster.adapters.secret_scan import scan_for_secrets
from dit_dagster.errors import EnvironmentFailed, InfrastructureError, UnknownName, UsageError
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest, ImageName
from dit_dagster.model.worker_image import AlreadyThere, Built, CouldNotTell
from dit_dagster.ports import ImageStore
from dit_dagster.running.worker_images import ensure_image
from dit_dagster_tests.containers.engine import Engine
from dit_dagster_tests.containers.kaniko import kaniko_on
from dit_dagster_tests.containers.registry import Registry, registry
from dit_dagster_tests.containers.test_images import checkout
from dit_dagster_tests.google_stand_in import BUCKET, PROJECT, StandIn, google
from dit_dagster_tests.secrets_for_tests import planted_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Images of trees in the cloud, what stands in for it, and a base image that its registry has."""

    images: KanikoImages
    google: StandIn
    hub: Registry
    container: Container
    base: str


@pytest.fixture
def cloud(engine: Engine) -> Iterator[Cloud]:
    with google() as stand_in, registry() as hub:
        base = f"{hub.address}/base:1"
        small = b"\0" * 1024  # what is in it does not matter, and it is pushed for every test
        engine.api.import_image_from_data(small, repository=f"{hub.address}/base", tag="1")
        engine.api.push(f"{hub.address}/base", tag="1")
        stand_in.worker = kaniko_on(engine)
        connection = Connection(project=PROJECT, region="global", address=stand_in.address)
        premises = Premises(
            repository=f"{hub.address}/workers",
            registry=ImageRegistry(connection.token),
            builds=connection.builds,
            bucket=lambda: connection.bucket(BUCKET),
            kaniko="kaniko",
            place=BuildPlace(),
            scan=lambda files: scan_for_secrets(files, {}),
        )
        container = Container(recipe=f"FROM {base}\nCOPY job.py /job.py\n", build_args={"PRICE": "$5"})
        yield Cloud(images=KanikoImages(premises), google=stand_in, hub=hub, container=container, base=base)
        engine.api.remove_image(base)


@pytest.mark.parametrize("where", ["memory", "engine", "cloud"])
def test_an_image_is_built_once_and_then_found(where: str, cloud: Cloud, engine: Engine, tmp_path: Path) -> None:
    """Under a name that another tree, or another recipe, does not have."""
    stores: dict[str, ImageStore] = {
        "memory": MemoryImages(),
        "engine": EngineImages(engine.variables, network="none"),
        "cloud": cloud.images,
    }
    images = stores[where]
    one, other = (checkout(tmp_path, {"job.py": f"{where} {text}"}, text) for text in ("a", "b"))
    changed = cloud.container.model_copy(update={"recipe": f"{cloud.container.recipe}ENV A=1\n"})

    first, second = (ensure_image(images, cloud.container, one) for _ in range(2))

    assert isinstance(first, Built)
    assert second == AlreadyThere(name=first.name, image=first.image)
    assert len({first.name, images.name(cloud.container, other), images.name(changed, one)}) == 3


def test_a_store_that_cannot_tell_builds_nothing(tmp_path: Path) -> None:
    """It is not the same as there being none."""
    images = MemoryImages()
    images.failure = InfrastructureError("the registry answers 503")

    found = ensure_image(images, Container(recipe="FROM a"), checkout(tmp_path, {"job.py": ""}))

    assert isinstance(found, CouldNotTell)
    assert (found.reason, images.builds) == ("the registry answers 503", 0)


def test_a_registry_that_fails_is_not_one_without_the_image(cloud: Cloud, tmp_path: Path) -> None:
    """No build is submitted, and none is paid for."""
    cloud.hub.broken.set()

    found = ensure_image(cloud.images, cloud.container, checkout(tmp_path, {"job.py": ""}))

    assert isinstance(found, CouldNotTell)
    assert "answers 503, so whether it has the image is not known" in found.reason
    assert cloud.google.asked == []


def test_a_build_that_fails_is_the_pipelines_error(cloud: Cloud, tmp_path: Path) -> None:
    """With the build's id and its log."""
    container = Container(recipe=f"FROM {cloud.base}\nCOPY absent /absent\n")

    with pytest.raises(EnvironmentFailed, match=r"build [0-9a-f-]{36} ended with FAILURE .*its log is at https://"):
        ensure_image(cloud.images, container, checkout(tmp_path, {"job.py": ""}))


def test_a_base_that_is_nowhere_is_named(cloud: Cloud, tmp_path: Path) -> None:
    """Its registry said so."""
    with pytest.raises(UnknownName, match="absent:1: its registry does not have it"):
        cloud.images.name(Container(recipe=f"FROM {cloud.hub.address}/absent:1"), checkout(tmp_path, {"job.py": ""}))


def test_trap_33_a_base_that_moves_while_the_image_is_built_is_noticed(
    cloud: Cloud, engine: Engine, tmp_path: Path
) -> None:
    """Trap 33: the name would say that it stands on what it does not stand on."""
    build = kaniko_on(engine)

    def meanwhile(stand_in: StandIn, id_: str) -> None:
        engine.api.import_image_from_data(b"\0" * 2048, repository=f"{cloud.hub.address}/base", tag="1")
        engine.api.push(f"{cloud.hub.address}/base", tag="1")
        build(stand_in, id_)

    cloud.google.worker = meanwhile

    with pytest.raises(EnvironmentFailed, match="was published anew while it was built; run again"):
        ensure_image(cloud.images, cloud.container, checkout(tmp_path, {"job.py": ""}))


def test_an_image_that_was_given_the_name_by_hand_is_not_taken(cloud: Cloud, engine: Engine, tmp_path: Path) -> None:
    """A tag can be given to anything."""
    name = cloud.images.name(cloud.container, checkout(tmp_path, {"job.py": ""}))
    repository, _, tag = name.rpartition(":")
    engine.api.tag(cloud.base, repository, tag)
    engine.api.push(repository, tag=tag)
    engine.api.remove_image(name)

    with pytest.raises(InfrastructureError, match="is not an image that was built to be there"):
        cloud.images.find(ImageName(name))


def test_a_run_gets_the_image_that_the_cloud_built(cloud: Cloud, engine: Engine, tmp_path: Path) -> None:
    """It is pulled by its digest; the recipe is the engine's too, so that both make one key."""
    local = EngineImages(engine.variables, network="none")
    images = ImagesFromTheCloud(local, cloud.images)
    made = checkout(tmp_path, {"job.py": ""})

    image = images.ensure_built(cloud.container, made)

    assert images.ensure_built(cloud.container, made) == image
    assert isinstance(image, ImageDigest)
    assert len(cloud.google.builds) == 1
    assert local.recipe(cloud.container, made) == images.recipe(cloud.container, made)


def test_a_secret_is_not_sent_with_the_tree(cloud: Cloud, tmp_path: Path) -> None:
    """The tree may be a working copy's, which nobody has seen."""
    made = checkout(tmp_path, {"job.py": planted_secrets(7)["a cloud's access key"]})

    with pytest.raises(UsageError, match=r"look like secrets in commit c+, first job\.py:1: AWS"):
        ensure_image(cloud.images, cloud.container, made)
    assert (cloud.google.objects, cloud.google.builds) == ({}, {})
