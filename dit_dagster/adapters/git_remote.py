"""The Upstream port on git: any host that git can reach, without a word to its API.

Refs are read as bytes, line by line, and only those that are branches or heads of pull requests go on. What is
fetched lands in the objects of the pipeline's repository; no ref, file or index of it is touched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dit_dagster.adapters.git_command import Git
from dit_dagster.errors import InfrastructureError
from dit_dagster.model.identity import Commit
from dit_dagster.model.pull_request import PULL_PATTERNS, Head, Remote, pull_number

_LINE = re.compile(rb"([0-9a-f]{40})\t(.+)", re.DOTALL)
_BRANCHES = "refs/heads/"
_LIST_SECONDS = 30.0
_FETCH_SECONDS = 300.0
_CAREFUL = (
    *("-c", "protocol.ext.allow=never"),
    *("-c", "transfer.fsckObjects=true"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)


class GitUpstream:
    """The remote at `address`, fetched into `repository`. Without a `branch` the default is what its HEAD says."""

    def __init__(self, address: str, branch: str | None, repository: Path, variables: Mapping[str, str]) -> None:
        self._address = address
        self._default = f"{_BRANCHES}{branch}" if branch is not None else "HEAD"
        self._git = Git(repository, variables)

    def look(self) -> Remote:
        refs = self._refs()
        default = refs.get(self._default)
        pulls = {number: Head(ref=ref, commit=commit) for ref, commit in refs.items() if (number := pull_number(ref))}
        return Remote(
            default=Head(ref=self._default, commit=default) if default is not None else None,
            pulls=pulls,
            own=frozenset(commit for ref, commit in refs.items() if ref.startswith(_BRANCHES)),
        )

    def bring(self, head: Head) -> None:
        if self._has(head.commit):
            return
        # The ref first: not every server gives out commits by their id. It may have moved on; then the id.
        for wanted in (head.ref, str(head.commit)):
            done = self._remotely(_FETCH_SECONDS, "fetch", *_FETCH, "--", self._address, wanted)
            if done is None and self._has(head.commit):
                return
        raise InfrastructureError(f"the remote does not give out {head.commit} of {head.ref[:80]!r}; it may be gone")

    def changed(self, head: Head, base: Head | None) -> tuple[str, ...]:
        self.bring(head)
        if base is not None:
            self.bring(base)
        left = self._git.maybe("merge-base", base.commit, head.commit) if base is not None else None
        listing = (
            self._git.raw("ls-tree", "-r", "-z", "--name-only", head.commit)
            if left is None
            else self._git.raw("diff-tree", "-r", "-z", "--name-only", "--no-renames", _id(left), head.commit)
        )
        return tuple(os.fsdecode(path) for path in listing.split(b"\0") if path)

    def _refs(self) -> Mapping[str, Commit]:
        arguments = ("ls-remote", "--quiet", "--", self._address, self._default, f"{_BRANCHES}*", *PULL_PATTERNS)
        done = self._git.done([*_CAREFUL, *arguments], seconds=_LIST_SECONDS)
        if done.returncode != 0:
            raise InfrastructureError(f"the remote cannot be listed: {_reason(done.stderr)}")
        return dict(self._parsed(done.stdout))

    def _parsed(self, listing: bytes) -> Iterator[tuple[str, Commit]]:
        """The refs that were asked for. Anything else that a server lists is passed over."""
        listed: set[str] = set()
        for line in listing.split(b"\n"):
            found = _LINE.fullmatch(line)
            ref = os.fsdecode(found[2]) if found else ""
            if found is None or not (ref == self._default or ref.startswith(_BRANCHES) or pull_number(ref)):
                continue
            if ref in listed:  # two lines for one ref are no listing of git's
                raise InfrastructureError(f"the remote lists {ref[:80]!r} twice; none of it is believed")
            listed.add(ref)
            yield ref, Commit(found[1].decode())

    def _has(self, commit: Commit) -> bool:
        return self._git.maybe("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def _remotely(self, seconds: float, *arguments: str) -> str | None:
        """None, or why it failed."""
        done = self._git.done([*_CAREFUL, *arguments], seconds=seconds)
        return None if done.returncode == 0 else _reason(done.stderr)


_FETCH = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")


def _id(text: bytes) -> Commit:
    return Commit(text.decode().split("\n", 1)[0].strip())


def _reason(said: bytes) -> str:
    """The first lines of what git said, on one line. Addresses hold no credentials: those are refused when declared."""
    return " ".join(said.decode("utf-8", "replace").split())[:300] or "git gave no reason"
