"""Objects as files: root/bucket/name. Every bucket exists; writes are atomic."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_DRAFTS = ".drafts"
_BLOCK = 1 << 20


class BadObjectName(ValueError):
    """A bucket or object name that a directory cannot hold."""


class GenerationMismatch(Exception):
    """The caller expected another generation of the object, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object. `generation` grows with each write; 0 stands for "no object" in a precondition."""

    bucket: str
    name: str
    path: Path
    size: int
    modified_ns: int

    @property
    def generation(self) -> int:
        return self.modified_ns // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Checksums of an object's content in base64, as the API shows them."""

    md5: str
    crc32c: str


class ObjectStore:
    """The objects under `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._drafts = self._root / _DRAFTS
        self._drafts.mkdir(parents=True, exist_ok=True)
        self._digests: dict[tuple[Path, int, int], Digests] = {}

    def buckets(self) -> list[str]:
        """The buckets that hold something, or did."""
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir() and entry.name != _DRAFTS)

    def create_bucket(self, bucket: str) -> bool:
        """Make the bucket's folder; False if it was there."""
        folder = self._folder(bucket)
        existed = folder.is_dir()
        folder.mkdir(exist_ok=True)
        return not existed

    def draft(self) -> IO[bytes]:
        """A file to be filled and then handed to `commit`."""
        return tempfile.NamedTemporaryFile(dir=self._drafts, delete=False)

    def commit(self, draft: IO[bytes], bucket: str, name: str, generation: int | None = None) -> StoredObject:
        """Make `draft` the object's content. `generation` is the one that must be there now (0: none)."""
        draft.close()
        source, target = Path(draft.name), self._path(bucket, name)
        try:
            self._check(bucket, name, generation)
            if name.endswith("/"):  # a placeholder for a folder: the folder itself will do
                target.mkdir(parents=True, exist_ok=True)
                return StoredObject(bucket=bucket, name=name, path=target, size=0, modified_ns=1000)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadObjectName(f"{bucket}/{name}: a file cannot also be a folder here ({error.strerror})") from error
        finally:
            source.unlink(missing_ok=True)
        return self._described(bucket, name, target)

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """The object, or None."""
        path = self._path(bucket, name)
        return self._described(bucket, name, path) if path.is_file() else None

    def delete(self, bucket: str, name: str, generation: int | None = None) -> bool:
        """Remove the object; False if there was none."""
        self._check(bucket, name, generation)
        found = self.find(bucket, name)
        if found is not None:
            found.path.unlink(missing_ok=True)
        return found is not None

    def concatenate(self, sources: list[StoredObject], bucket: str, name: str, generation: int | None) -> StoredObject:
        """Write an object that holds the sources' content one after another."""
        draft = self.draft()
        for source in sources:
            with source.path.open("rb") as content:
                shutil.copyfileobj(content, draft)
        return self.commit(draft, bucket, name, generation)

    def names(self, bucket: str, prefix: str) -> list[str]:
        """The names under `prefix`, sorted."""
        folder = self._folder(bucket)
        start = folder / prefix.rpartition("/")[0]
        found = (path.relative_to(folder).as_posix() for path in _files(start))
        return sorted(name for name in found if name.startswith(prefix))

    def digests(self, stored: StoredObject) -> Digests:
        """The content's checksums, remembered until the file changes."""
        key = (stored.path, stored.size, stored.modified_ns)
        if key not in self._digests:
            self._digests[key] = _digested(stored.path)
        return self._digests[key]

    def _check(self, bucket: str, name: str, generation: int | None) -> None:
        if generation is None:
            return
        found = self.find(bucket, name)
        if (found.generation if found else 0) != generation:
            raise GenerationMismatch(f"{bucket}/{name} is at another generation than {generation}")

    def _folder(self, bucket: str) -> Path:
        if not bucket or bucket.startswith(".") or "/" in bucket:
            raise BadObjectName(f"{bucket!r} is not a bucket name")
        return self._root / bucket

    def _path(self, bucket: str, name: str) -> Path:
        parts = name.removesuffix("/").split("/")
        if not name or "\0" in name or any(part in {"", ".", ".."} for part in parts):
            raise BadObjectName(f"{bucket}/{name}: empty, '.' and '..' path segments cannot be files")
        return self._folder(bucket).joinpath(*parts)

    def _described(self, bucket: str, name: str, path: Path) -> StoredObject:
        facts = path.stat()
        return StoredObject(bucket=bucket, name=name, path=path, size=facts.st_size, modified_ns=facts.st_mtime_ns)


def _digested(path: Path) -> Digests:
    import google_crc32c  # the client's own: it verifies every resumable upload with it

    md5, crc32c = hashlib.md5(usedforsecurity=False), google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            md5.update(block)
            crc32c.update(block)  # type: ignore[no-untyped-call]
    return Digests(md5=_base64(md5.digest()), crc32c=_base64(crc32c.digest()))  # type: ignore[no-untyped-call]


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
