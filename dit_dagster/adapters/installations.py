"""What an installation holds, written down when it is built and compared whenever it is used.

The record of a layer lists every directory, link and file. Comparing looks at sizes, times and inodes first: the time
of a file's last change (ctime) cannot be set by a program. Only a file whose facts differ is read and hashed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = "complete"
"""The file that holds a layer's record. It is written last: a layer without it is not complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of an installation. `content` tells what it holds; `facts` change whenever it is written."""

    content: str
    facts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything below `place` at the time when it was complete."""

    place: str
    entries: Mapping[str, Entry]

    def differences(self, directory: Path) -> tuple[str, ...]:
        """The paths that were added, removed or altered since."""
        found = dict(_walk(directory))
        altered = (path for path in found if path in self.entries and self._is_altered(directory, path, found[path]))
        return tuple(sorted((*(found.keys() ^ self.entries.keys()), *altered)))

    def altered_in_copy(self, directory: Path) -> tuple[str, ...]:
        """The paths of this record that a copy of the installation does not hold as they were."""
        return tuple(
            path for path, entry in sorted(self.entries.items()) if _content_of(directory / path) != entry.content
        )

    def _is_altered(self, directory: Path, path: str, facts: tuple[int, ...]) -> bool:
        entry = self.entries[path]
        return facts != entry.facts and _content_of(directory / path) != entry.content

    def write(self) -> None:
        """Keep the record in the installation itself, whole or not at all."""
        entries = {path: [entry.content, *entry.facts] for path, entry in self.entries.items()}
        draft = Path(self.place, f"{RECORD}.draft")
        draft.write_text(json.dumps({"place": self.place, "entries": entries}), encoding="utf-8")
        draft.rename(draft.with_name(RECORD))


def record_of(directory: Path) -> Record:
    """Read all that an installation holds now."""
    entries = {
        path: Entry(content=_content_of(directory / path) or "", facts=facts) for path, facts in _walk(directory)
    }
    return Record(place=str(directory), entries=entries)


def kept_record(directory: Path) -> Record | None:
    """The record that was kept when the installation was built; None if there is none, or it is of another place."""
    try:
        value: Any = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        entries = {path: Entry(content=content, facts=tuple(f)) for path, (content, *f) in value["entries"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return Record(place=value["place"], entries=entries) if value["place"] == str(directory) else None


def _walk(directory: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each path below a directory, with what tells cheaply whether it was touched; of a directory, that it is one."""
    open_ends = [""]
    while open_ends:
        inside = open_ends.pop()
        with os.scandir(directory / inside) as entries:
            for entry in entries:
                path = f"{inside}{entry.name}"
                if path == RECORD:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    open_ends.append(f"{path}/")
                    yield path, ()
                else:
                    found = entry.stat(follow_symlinks=False)
                    yield path, (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _content_of(path: Path) -> str | None:
    """What tells a path's content from any other; None if it cannot be read."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"link {path.readlink()}"
        if stat.S_ISDIR(mode):
            return "directory"
        if not stat.S_ISREG(mode):
            return f"special {mode}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    return f"{'program' if mode & stat.S_IXUSR else 'file'} {digest}"
