"""Images: what a name stands for, what is built from a tree, and what is said when it cannot be told."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dit_dagster.adapters.docker import ContainerEnvironments, EngineImages, UsedImages
from dit_dagster.adapters.home import MachineHome
from dit_dagster.errors import BadDeclaration, EngineError, EnvironmentFailed, UnknownName
from dit_dagster.model.container import Container
from dit_dagster.model.identity import Commit, ImageDigest, ImageName, Tree
from dit_dagster.ports import Checkout
from dit_dagster_tests.containers.engine import BASE, Engine
from dit_dagster_tests.containers.registry import Registry, registry

COMMIT = Commit("c" * 40)
RECIPE = f"FROM {BASE}\nCOPY . /program\n"


@pytest.fixture
def images(engine: Engine) -> EngineImages:
    return EngineImages(engine.variables, network="none")


@pytest.fixture(scope="module")
def hub() -> Iterator[Registry]:
    with registry() as made:
        yield made


def checkout(folder: Path, files: Mapping[str, str], tree: str = "a") -> Checkout:
    directory = folder / (tree * 40)
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return Checkout(directory=directory, commit=COMMIT, tree=Tree(tree * 40))


def published(engine: Engine, hub: Registry, name: str, *, labels: Mapping[str, str] | None = None) -> str:
    """Publish an image under a tag, and take it from the engine: another machine made it."""
    api = engine.api
    changes = [f'LABEL {key}="{value}"' for key, value in (labels or {}).items()]
    reference = f"{hub.address}/{name}"
    repository, _, tag = reference.rpartition(":")
    with io.BytesIO() as archive:  # small: only its name and its labels matter
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name.replace(":", "-")))
        api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag, changes=changes or None)
    said = api.push(repository, tag=tag)
    assert "errorDetail" not in said, said
    api.remove_image(reference)
    return reference


def test_a_published_tag_stands_for_the_digest_that_its_registry_has(
    engine: Engine, images: EngineImages, hub: Registry
) -> None:
    """It is asked without pulling; the image that is pulled then is the one with that digest."""
    reference = published(engine, hub, "trips:1")

    digest = images.resolve(reference)
    before = [image["RepoDigests"] for image in engine.api.images()]
    image = images.pulled(digest, reference)

    repository = reference.rpartition(":")[0]
    assert not any(repository in str(one) for one in before)
    assert f"{repository}@{digest}" in engine.api.inspect_image(image)["RepoDigests"]


def test_a_tag_that_the_engine_has_is_the_same_as_elsewhere(
    engine: Engine, images: EngineImages, hub: Registry
) -> None:
    """It is known by its repository's digest, as on a machine that has yet to pull it."""
    reference = published(engine, hub, "trips:2")
    elsewhere = images.resolve(reference)
    engine.api.pull(reference)

    assert images.resolve(reference) == elsewhere


def test_a_digest_is_taken_as_it_is(images: EngineImages) -> None:
    """Nobody is asked."""
    digest = f"sha256:{'1' * 64}"

    assert images.resolve(f"nowhere.invalid/trips@{digest}") == digest


def test_an_image_that_is_nowhere_is_not_one_that_cannot_be_told(images: EngineImages, hub: Registry) -> None:
    """The registry said that it has none."""
    with pytest.raises(UnknownName, match=r"no image 127\.0\.0\.1:\d+/absent:1: neither the engine nor its registry"):
        images.resolve(f"{hub.address}/absent:1")


def test_a_registry_that_does_not_answer_is_an_error(images: EngineImages, hub: Registry) -> None:
    """It may have the image."""
    hub.broken.set()
    try:
        with pytest.raises(EngineError, match="the engine does not have it, and its registry cannot be asked"):
            images.resolve(f"{hub.address}/trips:1")
    finally:
        hub.broken.clear()


def test_an_engine_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """With its address, and what to do."""
    images = EngineImages({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, network="none")

    with pytest.raises(EngineError, match=r"no container engine answers at unix://.*; start it, or set DOCKER_HOST"):
        images.resolve(BASE)


def test_an_image_is_built_from_the_tree_once(engine: Engine, images: EngineImages, tmp_path: Path) -> None:
    """The next time it is found; another tree is another image."""
    container = Container(recipe=RECIPE)
    one, other = (checkout(tmp_path, {"job.py": text}, tree) for text, tree in (("1", "a"), ("2", "b")))

    built = images.ensure_built(container, one)

    assert built == images.ensure_built(container, one)
    assert built != images.ensure_built(container, other)


def test_a_dockerfile_of_the_tree_is_built_with_its_arguments(
    engine: Engine, images: EngineImages, tmp_path: Path
) -> None:
    """Its stage, from the folder that is declared."""
    text = "ARG BASE\nFROM ${BASE} AS first\nARG MODE\nLABEL mode=$MODE\nCOPY given /given\nFROM first\nLABEL mode=no\n"
    made = checkout(tmp_path, {"deploy/Dockerfile": text, "src/given": "x"})
    container = Container(
        dockerfile="deploy/Dockerfile", context="src", target="first", build_args={"BASE": BASE, "MODE": "fast"}
    )

    assert images.labels(images.ensure_built(container, made))["mode"] == "fast"


def test_a_recipe_is_known_before_it_is_built(images: EngineImages, tmp_path: Path) -> None:
    """By its text and its arguments, not by the tree, which is in the key beside it."""
    one, other = (checkout(tmp_path, {"job.py": text}, tree) for text, tree in (("1", "a"), ("2", "b")))

    recipe = images.recipe(Container(recipe=RECIPE), one)

    assert recipe == images.recipe(Container(recipe=RECIPE), other)
    assert recipe != images.recipe(Container(recipe=f"{RECIPE}ENV A=1\n"), one)
    assert recipe != images.recipe(Container(recipe=RECIPE, build_args={"A": "1"}), one)


def test_trap_33_a_base_whose_tag_moved_is_another_recipe(engine: Engine, images: EngineImages, tmp_path: Path) -> None:
    """Trap 33: the Dockerfile's text is the same, what it stands on is not."""
    made = checkout(tmp_path, {"job.py": ""})
    engine.api.tag(BASE, "moving", "1")
    container = Container(recipe="FROM moving:1\n")
    before = images.recipe(container, made)
    engine.api.tag(images.ensure_built(Container(recipe=RECIPE), made), "moving", "1", force=True)

    assert images.recipe(container, made) != before


def test_a_build_that_fails_says_why(images: EngineImages, tmp_path: Path) -> None:
    """As the pipeline's error, with the last lines."""
    made = checkout(tmp_path, {"job.py": ""})

    with pytest.raises(EnvironmentFailed, match=r"could not be built: .*no such thing.*returned a non-zero code: 3"):
        images.ensure_built(Container(recipe=f"FROM {BASE}\nRUN echo no such thing; exit 3\n"), made)


def test_a_dockerfile_that_is_not_there_is_named(images: EngineImages, tmp_path: Path) -> None:
    """A wrong declaration, not a wrong build."""
    with pytest.raises(BadDeclaration, match=r"container\.dockerfile: commit c+ has no file Dockerfile"):
        images.recipe(Container(dockerfile="Dockerfile"), checkout(tmp_path, {"job.py": ""}))


@pytest.mark.parametrize("of", [pytest.param(COMMIT, id="its commit"), pytest.param("d" * 40, id="another")])
def test_trap_21_an_image_says_from_which_commit_it_was_made(
    engine: Engine, images: EngineImages, hub: Registry, tmp_path: Path, of: str
) -> None:
    """Trap 21: one that was published under a commit's name, and was made from another, is not run."""
    published(engine, hub, f"visits-{of[:4]}:{COMMIT}", labels={"org.opencontainers.image.revision": of})
    container = Container(image=f"{hub.address}/visits-{of[:4]}:{{commit}}")
    environments = ContainerEnvironments(images, container)
    made = checkout(tmp_path, {"job.py": ""})

    if of == COMMIT:
        environment = environments.ensure(made)
        assert isinstance(environment.image, ImageDigest)
    else:
        with pytest.raises(EnvironmentFailed, match=f"was made from {of}, not {COMMIT}"):
            environments.ensure(made)


@pytest.mark.parametrize(
    ("tree", "inside", "said"),
    [
        pytest.param("d", {"job.py": "1", "more": "x"}, None, id="it holds it"),
        pytest.param("e", {"job.py": "2"}, r"/program/job\.py is another", id="another program"),
        pytest.param("f", {"other.py": "1"}, r"/program/job\.py is not in it", id="no program"),
    ],
)
def test_trap_21_a_published_image_runs_only_if_it_holds_the_commit(
    engine: Engine, images: EngineImages, tmp_path: Path, tree: str, inside: Mapping[str, str], said: str | None
) -> None:
    """Trap 21: it is read back from inside, whatever its name and its labels say; nothing of it is run for that."""
    published_from = checkout(tmp_path, inside, tree)
    image = images.ensure_built(Container(recipe=f"FROM {BASE}\nCOPY . /program/\n"), published_from)
    engine.api.tag(image, "holding", "1")
    environments = ContainerEnvironments(images, Container(image="holding:1", holds={"/program": "."}))
    made = checkout(tmp_path, {"job.py": "1"})

    if said is None:
        assert environments.ensure(made).image == image
    else:
        with pytest.raises(EnvironmentFailed, match=f"image holding:1 does not hold commit c+: {said}; publish it"):
            environments.ensure(made)
    assert engine.containers() == []


@pytest.fixture
def home(tmp_path: Path, engine: Engine) -> MachineHome:
    return MachineHome(tmp_path / "home", UsedImages(tmp_path / "home", engine.variables))


def built_at(tmp_path: Path, engine: Engine, tree: str) -> tuple[EngineImages, ImageName]:
    """An image that was built from a home, and whoever builds there."""
    images = EngineImages(engine.variables, network="none", home=tmp_path / "home")
    of_tree = checkout(tmp_path, {"a": tree}, tree=tree)
    images.ensure_built(Container(recipe=RECIPE), of_tree)
    return images, images.name(Container(recipe=RECIPE), of_tree)


def names(engine: Engine) -> set[str]:
    return {name for image in engine.api.images() for name in image["RepoTags"] or ()}


def test_an_image_that_no_run_uses_any_more_is_removed(tmp_path: Path, engine: Engine, home: MachineHome) -> None:
    """With its size, and by its last use: one that was found again since stays."""
    images, used = built_at(tmp_path, engine, "d")
    _, unused = built_at(tmp_path, engine, "e")
    moment = datetime.now(UTC)
    before = home.unused_since(moment)
    images.find(used)

    after = home.unused_since(moment)
    taken = [home.remove(folder, moment) for folder in before]

    assert [folder.kind for folder in before] == ["image", "image"]
    assert [(folder.path.name, folder.bytes > 0) for folder in after] == [(unused.rpartition(":")[2], True)]
    assert sorted(taken) == [False, True]
    assert (used in names(engine), unused in names(engine)) == (True, False)
    assert [home.remove(folder, moment) for folder in after] == [False]


def test_an_image_that_somebody_else_tagged_is_left_alone(tmp_path: Path, engine: Engine, home: MachineHome) -> None:
    """Our name on an image that was not built to have it: it is forgotten, and stays."""
    _, name = built_at(tmp_path, engine, "f")
    engine.api.remove_image(name)
    engine.api.tag(BASE, *name.split(":"))

    moment = datetime.now(UTC)
    assert [home.remove(folder, moment) for folder in home.unused_since(moment)] == [True]

    assert (name in names(engine), home.unused_since(moment)) == (True, [])
    engine.api.remove_image(name)


def test_an_image_of_a_container_or_of_an_engine_that_is_away_stays_for_the_next_time(
    tmp_path: Path, engine: Engine, home: MachineHome
) -> None:
    """What could not be removed is found again."""
    _, name = built_at(tmp_path, engine, "9")
    moment = datetime.now(UTC)
    (folder,) = home.unused_since(moment)
    away = MachineHome(tmp_path / "home", UsedImages(tmp_path / "home", {"DOCKER_HOST": "tcp://127.0.0.1:1"}))
    made = engine.api.create_container(name, command=["true"])

    with pytest.raises(EngineError, match="no container engine answers"):
        away.remove(folder, moment)
    with pytest.raises(EngineError, match=f"removing image {name}: conflict"):
        home.remove(folder, moment)
    engine.api.remove_container(made["Id"])

    assert [home.remove(one, moment) for one in home.unused_since(moment)] == [True]
    assert name not in names(engine)
