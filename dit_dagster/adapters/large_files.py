"""Git LFS: a tree holds a pointer to a file that lies elsewhere. A program must get the file, never the pointer.

The format is specified at github.com/git-lfs/git-lfs, docs/spec.md: a line with the version, then `oid sha256:<hex>`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from dit_dagster.adapters.git_command import Git
from dit_dagster.errors import UsageError
from dit_dagster.model.identity import Commit

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n")
_LONGEST = 1024


def replaced_pointers(git: Git, contents: Mapping[str, bytes], commit: Commit) -> tuple[bytes, ...]:
    """The files' contents in order, pointers replaced by what they point to.

    A tree none of whose attributes speaks of LFS is left as it is. UsageError for content that is not on this machine.
    """
    if not any(path.rpartition("/")[2] == ".gitattributes" and b"filter=lfs" in c for path, c in contents.items()):
        return tuple(contents.values())
    objects = git.repository / git.text("rev-parse", "--git-path", "lfs/objects")
    return tuple(_replaced(path, content, objects, commit) for path, content in contents.items())


def _replaced(path: str, content: bytes, objects: Path, commit: Commit) -> bytes:
    pointer = _POINTER.match(content) if len(content) <= _LONGEST else None
    if pointer is None:
        return content
    name = pointer[1].decode()
    place = objects / name[:2] / name[2:4] / name
    found = place.read_bytes() if place.exists() else None
    if found is None or hashlib.sha256(found).hexdigest() != name:
        raise UsageError(
            f"{path} of commit {commit} is kept in Git LFS, and its content is not on this machine; "
            f"'git lfs fetch origin {commit}' brings it"
        )
    return found
