"""What runs the workers of an image: a container of it, or an interpreter that stands in for it.

Beam's own images hold Beam and nothing of a pipeline, as our own interpreter does. Somebody can say which interpreter
stands in for another image: what is installed beside it is what the workers have. An image that a container engine of
this machine has is run there, in containers.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from dit_dagster.adapters.docker.engine import Absent, connect, engine_errors
from dit_dagster.errors import EngineError

_STOCK = re.compile(r"(?:.+/)?beam_python(?P<python>\d+\.\d+)_sdk:(?P<beam>[\w.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python with the packages of a worker image; `identity` tells its code from that of another."""

    python: str
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerImage:
    """An image on the container engine at `engine`. `image` is its id there, which is its identity as well."""

    engine: str
    image: str

    @property
    def identity(self) -> str:
        return self.image


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWorker:
    """The image cannot be had."""

    reason: str


class Images:
    """What stands in for each image, kept in `file`; the others are looked for on the engine at `engine`."""

    def __init__(self, file: Path, engine: str | None = None) -> None:
        self._file = file
        self.engine = engine
        self._lock = threading.Lock()

    def known(self) -> Mapping[str, Interpreter]:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {image: Interpreter(**one) for image, one in stored.items()}

    def stand_in(self, image: str, interpreter: Interpreter) -> None:
        """From now on workers of `image` run on `interpreter`, as if the tag had been pushed anew."""
        with self._lock:
            known = {**self.known(), image: interpreter}
            draft = self._file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps({name: asdict(one) for name, one in known.items()}), encoding="utf-8")
            draft.replace(self._file)

    def worker_of(self, image: str) -> Interpreter | WorkerImage | NoWorker:
        """What runs the workers of an image: the image itself where the engine has it, before what stands in for it."""
        held = self._on_engine(image)
        if isinstance(held, WorkerImage):
            return held
        found = self.known().get(image)
        if found is not None:
            return found
        stock = _STOCK.fullmatch(image)
        if stock is None:
            return held
        ours = (f"{sys.version_info[0]}.{sys.version_info[1]}", version("apache-beam"))
        if (stock["python"], stock["beam"]) != ours:
            return NoWorker(
                reason=f"image {image!r} cannot be pulled: the local cloud has Beam's own image for "
                f"Python {ours[0]} and Beam {ours[1]} only; declare a worker_image"
            )
        return Interpreter(python=sys.executable, identity=image)

    def _on_engine(self, image: str) -> WorkerImage | NoWorker:
        """The image as it is there now: a tag can be given to another one. Nothing is pulled."""
        if self.engine is None:
            return NoWorker(
                reason=f"image {image!r} cannot be had: nothing stands in for it in the local cloud, and this machine "
                "has no container engine; declare it as the step's worker_image, or start the engine"
            )
        try:
            with closing(connect({"DOCKER_HOST": self.engine})) as client, engine_errors(f"image {image!r}"):
                return WorkerImage(engine=self.engine, image=client.api.inspect_image(image)["Id"])
        except Absent:
            return NoWorker(
                reason=f"image {image!r} cannot be had: the container engine at {self.engine} does not hold it; "
                "build or pull it there, or declare the image whose stand-in the local cloud knows"
            )
        except EngineError as error:
            return NoWorker(reason=f"image {image!r} cannot be had: {error}")
