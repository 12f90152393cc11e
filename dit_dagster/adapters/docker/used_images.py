"""When this machine last used each image that it built: the clean-up goes by it, since an engine does not tell.

A folder for each below the home, with the time of its last use as its own. Who uses an image and who removes it hold
one lock: a run that has found an image keeps it for as long as runs keep what they use.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from dit_dagster.adapters.docker.engine import Absent, connect, engine_errors
from dit_dagster.adapters.docker.naming import is_of
from dit_dagster.model.identity import ImageName
from dit_dagster.ports import IMAGE, Folder

_FACTS = "image.json"


class UsedImages:
    """The images of the engine that `variables` lead to, as far as they were built from below `home`."""

    def __init__(self, home: Path, variables: Mapping[str, str]) -> None:
        self._place = home / "images"
        self._variables = variables

    @contextmanager
    def held(self, name: ImageName) -> Iterator[None]:
        """Meanwhile nobody from this home removes the image."""
        self._place.mkdir(parents=True, exist_ok=True)
        with self._mark(name).with_suffix(".wait").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def note(self, name: ImageName, size: int) -> None:
        """It is used now. Called while it is held."""
        mark = self._mark(name)
        mark.mkdir(exist_ok=True)
        (mark / _FACTS).write_text(json.dumps({"name": name, "bytes": size}), encoding="utf-8")
        os.utime(mark)

    def unused_since(self, moment: datetime) -> Sequence[Folder]:
        found: list[Folder] = []
        for file in sorted(self._place.glob(f"*/{_FACTS}")):
            with suppress(FileNotFoundError):
                size, used = int(json.loads(file.read_text(encoding="utf-8"))["bytes"]), _used(file.parent)
                found.append(Folder(kind=IMAGE, path=file.parent, used=used, bytes=size))
        return [folder for folder in found if folder.used < moment]

    def remove(self, folder: Folder, moment: datetime) -> bool:
        """As Home says. EngineError, and all is as it was, if the engine does not answer or a container has it."""
        with suppress(FileNotFoundError):
            name = ImageName(json.loads((folder.path / _FACTS).read_text(encoding="utf-8"))["name"])
            with self.held(name):
                if _used(folder.path) >= moment:
                    return False
                self._take(name)
                shutil.rmtree(folder.path)
                return True
        return False

    def _take(self, name: ImageName) -> None:
        """Only what was built to be under that name: anybody can give an image any tag."""
        with closing(connect(self._variables)) as client, suppress(Absent), engine_errors(f"removing image {name}"):
            labels = client.api.inspect_image(name)["Config"]["Labels"]
            if is_of(labels or {}, name):
                client.api.remove_image(name)

    def _mark(self, name: ImageName) -> Path:
        return self._place / name.rpartition(":")[2]


def _used(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
