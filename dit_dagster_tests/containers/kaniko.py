"""What kaniko does with a build's arguments, done by the engine of the tests: the image is built, and pushed."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from dit_dagster_tests.containers.engine import Engine
from dit_dagster_tests.google_stand_in import StandIn


def kaniko_on(engine: Engine) -> Callable[[StandIn, str], None]:
    """A worker for builds of images. Afterwards the engine has nothing of it: the registry does."""

    def work(stand_in: StandIn, build: str) -> None:
        [step] = stand_in.builds[build]["steps"]
        given: dict[str, list[str]] = {}
        for argument in step["args"]:
            name, _, value = argument.removeprefix("--").partition("=")
            given.setdefault(name, []).append(value.replace("$$", "$"))
        with tempfile.TemporaryDirectory(prefix="dit-workspace-") as folder:
            with tarfile.open(fileobj=io.BytesIO(stand_in.source(build))) as tar:
                tar.extractall(folder)  # of our own making; `filter` came with CPython 3.11.4
            worked = _built(engine, Path(folder), given)
        stand_in.step(build, 0, "SUCCESS" if worked else "FAILURE", 0 if worked else 1)
        stand_in.end(build, "SUCCESS" if worked else "FAILURE")

    return work


def _built(engine: Engine, folder: Path, given: dict[str, list[str]]) -> bool:
    api = engine.api
    [context], [dockerfile], [name] = given["context"], given["dockerfile"], given["destination"]
    assert context.startswith("dir:///workspace/")
    assert dockerfile.startswith("/workspace/")
    said = api.build(
        path=str(folder / context.removeprefix("dir:///workspace/")),
        dockerfile=str(folder / dockerfile.removeprefix("/workspace/")),
        tag=name,
        buildargs=dict(one.split("=", 1) for one in given.get("build-arg", ())),
        labels=dict(one.split("=", 1) for one in given.get("label", ())),
        target=given.get("target", [""])[0],
        network_mode="none",
        rm=True,
        decode=True,
    )
    if any("error" in one for one in said):
        return False
    repository, _, tag = name.rpartition(":")
    pushed = "errorDetail" not in api.push(repository, tag=tag)
    api.remove_image(name)
    return pushed
