"""The SourceControl port on git.

The repository is only read; checkouts are the files of a commit, apart from any working tree, shared by equal trees
and never changed once complete.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dit_dagster.adapters.git_command import Git
from dit_dagster.adapters.large_files import replaced_pointers
from dit_dagster.adapters.working_tree import keep_snapshot, remote_of, take_snapshot
from dit_dagster.errors import InfrastructureError, UnknownName, UsageError
from dit_dagster.model.identity import Commit, GitRef, PipelineName, Tree
from dit_dagster.model.origin import Snapshot
from dit_dagster.ports import Checkout


class GitSource:
    """The git repository at `repository`, checked out below `home`."""

    def __init__(self, repository: Path, home: Path, variables: Mapping[str, str]) -> None:
        self._repository = repository
        self._home = home
        self._variables = variables
        self._git = Git(repository, variables)
        place = self._place()
        if place is None:
            raise UsageError(f"{repository} is not a git repository; correct `repository` in the pipeline's defs.yaml")
        if place:
            raise UsageError(f"{repository} is not the top of its git repository; declare the top, and code.paths")

    def resolve(self, ref: str) -> Commit:
        name = GitRef(ref)
        found = self._commit(name) or self._elsewhere(name)
        if found is None:
            hint = ", ".join(known for known, _ in self.known()[:8])
            raise UnknownName(f"no commit {ref!r} in {self._repository}; it knows {hint or 'no branch or tag'}")
        return found

    def _commit(self, ref: str) -> Commit | None:
        found = self._git.maybe("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return Commit(found.decode().strip()) if found is not None else None

    def _elsewhere(self, ref: GitRef) -> Commit | None:
        """A pull request's head by its number, or a snapshot that was pushed: fetched, without a trace in the refs."""
        number = _PULL.fullmatch(ref)
        patterns = (
            [f"refs/pull/{number[1]}/head", f"refs/merge-requests/{number[1]}/head"]
            if number
            else [f"refs/dit-snapshots/*/{ref}"]
            if _FULL.fullmatch(ref)
            else []
        )
        if not patterns or not self._git.maybe("remote"):
            return None
        remote = remote_of(self._git, None)
        listed = self._git.maybe("ls-remote", remote.name, *patterns)
        if not listed:
            return None
        commit, found = listed.decode("utf-8", "replace").split("\n", 1)[0].split("\t")
        self._git.raw("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote.name, found)
        return self._commit(Commit(commit))

    def snapshot(self, pipeline: PipelineName) -> Snapshot | None:
        if self._git.text("rev-parse", "--is-inside-work-tree") != "true":
            return None
        snapshot = take_snapshot(self._git)
        if not snapshot.clean:
            keep_snapshot(self._git, snapshot, pipeline)
        return snapshot

    def reviewed(self, commit: Commit, branch: str | None) -> bool | None:
        for name in [branch] if branch else ["origin/HEAD", "origin/main", "origin/master", "main", "master"]:
            default = self._commit(GitRef(name))
            if default is not None:
                return self.is_ancestor(commit, default)
        return None

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        if not paths:
            return Tree(self._git.text("rev-parse", "--verify", f"{commit}^{{tree}}"))
        listing = self._git.raw("ls-tree", "-z", commit, "--", *(path.rstrip("/") for path in paths))
        found = [entry for entry in listing.split(b"\0") if entry]
        if len(found) < len(set(paths)):
            raise UnknownName(f"code.paths: commit {commit} does not have all of {', '.join(paths)}")
        return Tree(hashlib.sha256(b"\0".join(sorted(found))).hexdigest())

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        # Equal subtrees do not make equal checkouts: the directory is the commit's whole tree.
        whole = self._git.text("rev-parse", "--verify", f"{commit}^{{tree}}")
        directory = self._home / "checkouts" / whole
        try:
            os.utime(directory)  # the clean-up goes by the last use
        except OSError:  # not there, or not ours: then extracting says what is wrong, or finds it complete
            self._extract(commit, directory)
        return Checkout(directory=directory, commit=commit, tree=tree)

    @contextmanager
    def working_copy(self, checkout: Checkout) -> Iterator[Checkout]:
        place = self._home / "working"
        place.mkdir(parents=True, exist_ok=True)
        # What a step that goes on writes there is left to the clean-up.
        with tempfile.TemporaryDirectory(
            dir=place, prefix=f"{checkout.commit[:12]}-", ignore_cleanup_errors=True
        ) as folder:
            # Copied, and not linked: what is written into a file would be in everybody's.
            own = shutil.copytree(checkout.directory, Path(folder) / "tree", symlinks=True)
            scratch = Path(folder) / "tmp"
            scratch.mkdir()
            yield replace(checkout, directory=own, scratch=scratch)

    def altered(self, checkout: Checkout) -> tuple[str, ...]:
        if checkout.editable:
            return ()
        listing = self._git.raw("ls-tree", "-r", "-z", checkout.commit).split(b"\0")
        entries = [_Entry.parse(line) for line in listing if line]
        inside = (path for entry in entries if entry.kind == "commit" for path in self._altered_inside(entry, checkout))
        return (*self._altered_blobs([entry for entry in entries if entry.kind == "blob"], checkout), *inside)

    def _altered_inside(self, entry: _Entry, checkout: Checkout) -> Iterator[str]:
        """A submodule's files run with the program's own."""
        inner = GitSource(self._repository / entry.path, self._home, self._variables)
        there = replace(checkout, directory=checkout.directory / entry.path, commit=Commit(entry.object))
        yield from (f"{entry.path}/{path}" for path in inner.altered(there))

    def _altered_blobs(self, blobs: Sequence[_Entry], checkout: Checkout) -> tuple[str, ...]:
        other = [entry for entry in blobs if _object_of(checkout.directory / entry.path) != entry.object]
        if not other:
            return ()
        # What git keeps elsewhere is in its place in the checkout.
        whole = replaced_pointers(self._git, self.files(checkout.commit), checkout.commit)
        held = dict(zip((entry.path for entry in blobs), whole, strict=True))
        return tuple(
            entry.path for entry in other if _object_of(checkout.directory / entry.path) != _object(held[entry.path])
        )

    def is_ancestor(self, earlier: Commit, later: Commit) -> bool:
        return self._git.maybe("merge-base", "--is-ancestor", earlier, later) is not None

    def between(self, good: Sequence[Commit], bad: Commit) -> tuple[Commit, ...]:
        lines = self._git.text("rev-list", "--bisect-all", bad, "--not", *good).splitlines()
        return tuple(Commit(line.split(" ", 1)[0]) for line in lines)

    def known(self) -> tuple[tuple[str, Commit], ...]:
        listing = self._git.text(
            "for-each-ref",
            "--sort=-creatordate",
            "--format=%(refname:short)%09%(objectname)%09%(*objectname)",
            "refs/heads",
            "refs/tags",
        )
        rows = [line.split("\t") for line in listing.split("\n") if line]
        # The last row's last tab is stripped with the line's end: a branch has no peeled id.
        return tuple((name, Commit(next(filter(None, peeled), direct))) for name, direct, *peeled in rows)

    def subject(self, commit: Commit) -> str:
        """The first line of the commit's message."""
        return self._git.text("log", "-1", "--format=%s", commit)

    def _extract(self, commit: Commit, directory: Path) -> None:
        """Write beside the place, then rename: a directory that exists is complete."""
        partial: Path | None = None
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".partial-"))
            self._write(commit, partial)
            partial.chmod(0o755)
            partial.rename(directory)
        except OSError as error:
            if not directory.exists():
                raise InfrastructureError(f"cannot check out {commit} into {directory}: {error}") from error
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)

    def files(self, commit: Commit) -> Mapping[str, bytes]:
        """What the commit's tree holds itself, by path: what a push of it would send."""
        listing = self._git.raw("ls-tree", "-r", "-z", commit).split(b"\0")
        blobs = [entry for entry in map(_Entry.parse, filter(None, listing)) if entry.kind == "blob"]
        contents = self._contents([entry.object for entry in blobs])
        return {entry.path: content for entry, content in zip(blobs, contents, strict=True)}

    def _write(self, commit: Commit, directory: Path) -> None:
        """The blobs as they are: attributes (export-ignore, export-subst, line ends) would make one tree many."""
        entries = [_Entry.parse(line) for line in self._git.raw("ls-tree", "-r", "-z", commit).split(b"\0") if line]
        blobs = [entry for entry in entries if entry.kind == "blob"]
        contents = self._contents([entry.object for entry in blobs])
        contents = replaced_pointers(self._git, {e.path: c for e, c in zip(blobs, contents, strict=True)}, commit)
        links = {entry.path: content for entry, content in zip(blobs, contents, strict=True) if entry.mode == _LINK}
        for entry, content in zip(blobs, contents, strict=True):
            if entry.path not in links:
                file = directory / entry.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(0o755 if entry.mode == _EXECUTABLE else 0o644)
        for entry in entries:
            if entry.kind == "commit":
                self._write_submodule(entry, commit, directory)
        # Last, so that nothing is written through one.
        for path, target in links.items():
            link = directory / path
            lexically = os.path.normpath(link.parent / os.fsdecode(target))
            if not Path(lexically).is_relative_to(directory):
                raise UsageError(f"commit {commit}: the link {path} leads outside of it; a program is its own tree")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.fsdecode(target))

    def _write_submodule(self, entry: _Entry, commit: Commit, directory: Path) -> None:
        """Its commit is in the tree's id, and its files are in a repository of its own, if it is on this machine."""
        place = self._repository / entry.path
        inner = Git(place, self._variables)
        if inner.maybe("rev-parse", "--show-prefix") != b"\n" or inner.maybe("cat-file", "-e", entry.object) is None:
            raise UsageError(
                f"commit {commit} needs {entry.object[:12]} of the submodule {entry.path}, which is not on this "
                f"machine; 'git submodule update --init {entry.path}' in {self._repository} brings it"
            )
        (directory / entry.path).mkdir(parents=True, exist_ok=True)
        GitSource(place, self._home, self._variables)._write(Commit(entry.object), directory / entry.path)

    def _contents(self, objects: Sequence[str]) -> Sequence[bytes]:
        """What each object holds: `cat-file` answers with a line `<id> <kind> <size>` before each."""
        answer = self._git.raw("cat-file", "--batch", given="".join(f"{one}\n" for one in objects).encode())
        found: list[bytes] = []
        place = 0
        for _ in objects:
            end = answer.index(b"\n", place)
            name, *told = answer[place:end].split()
            if len(told) < 2:  # "missing": a partial clone whose remote is away, or a damaged one
                raise UsageError(
                    f"{self._repository} does not have object {name.decode()[:12]}, which the commit is made of; "
                    "'git fetch --refetch' brings it, or clone the repository anew"
                )
            size = int(told[1])
            content = answer[end + 1 : end + 1 + size]
            # git does not hash what it reads: an object that was overwritten on disk would run under the true id.
            if _object(content) != name.decode():
                raise UsageError(
                    f"{self._repository}: object {name.decode()[:12]} does not hold what its id says; 'git fsck' tells "
                    "which are damaged, and a new clone has none"
                )
            found.append(content)
            place = end + 1 + size + 1
        return found

    def _place(self) -> str | None:
        """Where in its repository the folder is, empty at the top; None if it is in none."""
        if not self._repository.is_dir():
            return None
        found = self._git.maybe("rev-parse", "--show-prefix")
        return found.decode("utf-8", "replace").strip() if found is not None else None


_PULL = re.compile(r"(?:#|pull/|pr/)?(\d{1,9})")
_FULL = re.compile(r"[0-9a-f]{40}")


def _object_of(file: Path) -> str | None:
    """The id that git would give to what is there; None if it cannot be read."""
    try:
        return _object(os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes())
    except OSError:
        return None


def _object(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


_LINK, _EXECUTABLE = "120000", "100755"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line of `git ls-tree -r -z`."""

    mode: str
    kind: str
    object: str
    path: str

    @classmethod
    def parse(cls, line: bytes) -> _Entry:
        head, _, path = line.partition(b"\t")
        mode, kind, object_ = head.decode().split()
        return cls(mode=mode, kind=kind, object=object_, path=os.fsdecode(path))
