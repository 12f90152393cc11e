"""The Home port on the home directory: what is found there by its last use, which whoever uses it notes as its time."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dit_dagster.ports import IMAGE, Folder, Home

_KINDS = {
    "checkouts": "checkout",
    "working": "checkout",
    "environments": "environment",
    "dependencies": "environment",
    "logs": "logs",
}
_GOING = ".going-"


class MachineHome:
    """Checkouts, environments and logs below `directory`, and `images` that were built from it.

    The local cloud and the demo are not looked at.
    """

    def __init__(self, directory: Path, images: Home | None = None) -> None:
        self._directory = directory
        self._images = images

    def unused_since(self, moment: datetime) -> Sequence[Folder]:
        found = [folder for name, kind in _KINDS.items() for folder in self._folders(self._directory / name, kind)]
        images = self._images.unused_since(moment) if self._images is not None else ()
        return [*(folder for folder in found if folder.used < moment), *images]

    def remove(self, folder: Folder, moment: datetime) -> bool:
        if self._images is not None and folder.kind == IMAGE:
            return self._images.remove(folder, moment)
        try:
            if _used(folder.path) >= moment:
                return False
            # Renamed first: nobody finds it half gone, and of two only one can.
            going = folder.path.with_name(f"{_GOING}{secrets.token_hex(6)}")
            folder.path.rename(going)
        except FileNotFoundError:
            return False
        shutil.rmtree(going, ignore_errors=True)
        return True

    def _folders(self, place: Path, kind: str) -> Iterator[Folder]:
        if not place.is_dir() or place.is_symlink():
            return
        for path in sorted(place.iterdir()):
            if path.is_dir() and not path.is_symlink():
                with suppress(FileNotFoundError):
                    yield Folder(kind=kind, path=path, used=_used(path), bytes=_bytes(path))


def _used(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _bytes(path: Path) -> int:
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            with suppress(OSError):
                total += Path(folder, file).lstat().st_size
    return total
