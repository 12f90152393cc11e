"""The SourceControl port on git.

The repository is only read; checkouts are the files of a commit, apart from any working tree, shared by equal trees
and never changed once complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dit_dagster.errors import InfrastructureError, UnknownName, UsageError
from dit_dagster.model.identity import Commit, GitRef, Tree
from dit_dagster.ports import Checkout


class GitSource:
    """The git repository at `repository`, checked out below `home`."""

    def __init__(self, repository: Path, home: Path, variables: Mapping[str, str]) -> None:
        self._repository = repository
        self._home = home
        # The user's GIT_DIR and the like would lead elsewhere; a read needs no locks and asks nothing.
        own = {name: value for name, value in variables.items() if not name.startswith("GIT_")}
        self._variables = {**own, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if shutil.which("git") is None:
            raise UsageError("git is not on PATH; install it ('dit doctor' tells how)")
        place = self._place()
        if place is None:
            raise UsageError(f"{repository} is not a git repository; correct `repository` in the pipeline's defs.yaml")
        if place:
            raise UsageError(f"{repository} is not the top of its git repository; declare the top, and code.paths")

    def resolve(self, ref: str) -> Commit:
        name = GitRef(ref)
        found = self._maybe("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found is None:
            hint = ", ".join(known for known, _ in self.known()[:8])
            raise UnknownName(f"no commit {ref!r} in {self._repository}; it knows {hint or 'no branch or tag'}")
        return Commit(found.decode().strip())

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        if not paths:
            return Tree(self._text("rev-parse", "--verify", f"{commit}^{{tree}}"))
        listing = self._git("ls-tree", "-z", commit, "--", *(path.rstrip("/") for path in paths))
        found = [entry for entry in listing.split(b"\0") if entry]
        if len(found) < len(set(paths)):
            raise UnknownName(f"code.paths: commit {commit} does not have all of {', '.join(paths)}")
        return Tree(hashlib.sha256(b"\0".join(sorted(found))).hexdigest())

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        # Equal subtrees do not make equal checkouts: the directory is the commit's whole tree.
        whole = self._text("rev-parse", "--verify", f"{commit}^{{tree}}")
        directory = self._home / "checkouts" / whole
        try:
            os.utime(directory)  # the clean-up goes by the last use
        except OSError:  # not there, or not ours: then extracting says what is wrong, or finds it complete
            self._extract(commit, directory)
        return Checkout(directory=directory, commit=commit, tree=tree)

    def known(self) -> tuple[tuple[str, Commit], ...]:
        listing = self._text(
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
        return self._text("log", "-1", "--format=%s", commit)

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

    def _write(self, commit: Commit, directory: Path) -> None:
        """The blobs as they are: attributes (export-ignore, export-subst, line ends) would make one tree many."""
        entries = [_Entry.parse(line) for line in self._git("ls-tree", "-r", "-z", commit).split(b"\0") if line]
        blobs = [entry for entry in entries if entry.kind == "blob"]
        contents = self._contents([entry.object for entry in blobs])
        links = {entry.path: content for entry, content in zip(blobs, contents, strict=True) if entry.mode == _LINK}
        for entry, content in zip(blobs, contents, strict=True):
            if entry.path not in links:
                file = directory / entry.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                file.chmod(0o755 if entry.mode == _EXECUTABLE else 0o644)
        # Last, so that nothing is written through one.
        for path, target in links.items():
            link = directory / path
            lexically = os.path.normpath(link.parent / os.fsdecode(target))
            if not Path(lexically).is_relative_to(directory):
                raise UsageError(f"commit {commit}: the link {path} leads outside of it; a program is its own tree")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.fsdecode(target))

    def _contents(self, objects: Sequence[str]) -> Sequence[bytes]:
        """What each object holds: `cat-file` answers with a line `<id> <kind> <size>` before each."""
        answer = self._git("cat-file", "--batch", given="".join(f"{one}\n" for one in objects).encode())
        found: list[bytes] = []
        place = 0
        for _ in objects:
            end = answer.index(b"\n", place)
            size = int(answer[place:end].split()[2])
            found.append(answer[end + 1 : end + 1 + size])
            place = end + 1 + size + 1
        return found

    def _place(self) -> str | None:
        """Where in its repository the folder is, empty at the top; None if it is in none."""
        if not self._repository.is_dir():
            return None
        found = self._maybe("rev-parse", "--show-prefix")
        return found.decode("utf-8", "replace").strip() if found is not None else None

    def _text(self, *arguments: str) -> str:
        return self._git(*arguments).decode("utf-8", "replace").strip()

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        done = self._done(arguments, given)
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", "replace").strip()
            raise InfrastructureError(f"git {arguments[0]} failed in {self._repository}: {reason}")
        return done.stdout

    def _maybe(self, *arguments: str) -> bytes | None:
        done = self._done(arguments, b"")
        return done.stdout if done.returncode == 0 else None

    def _done(self, arguments: Sequence[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-c", "safe.directory=*", "-C", str(self._repository), *arguments]
        return subprocess.run(command, input=given, capture_output=True, env=self._variables, check=False)


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
