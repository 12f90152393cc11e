"""What is sent: archives with the same bytes for the same content."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path


def packed(folders: Mapping[str, Path], files: Mapping[str, bytes]) -> bytes:
    """A tar.gz of folders and files by where they go. Owners and times are left out; links stay links."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            one = tarfile.TarInfo(name)
            one.size, one.mode = len(content), 0o644
            tar.addfile(one, io.BytesIO(content))
        for name, folder in sorted(folders.items()):
            for file in _below(folder):
                tar.add(file, f"{name}/{file.relative_to(folder)}", recursive=False, filter=_plain)
    return gzip.compress(raw.getvalue(), mtime=0)


def _below(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))


def _plain(one: tarfile.TarInfo) -> tarfile.TarInfo:
    one.uid = one.gid = 0
    one.uname = one.gname = ""
    one.mtime = 0
    # Whoever runs in the build's step must be able to read it, and is not the one who unpacked it.
    one.mode = 0o755 if one.isdir() or one.mode & 0o100 else 0o644
    return one
