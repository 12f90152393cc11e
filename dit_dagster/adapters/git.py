"""The SourceControl port on git.

The repository is only read; checkouts are archives of a commit, apart from any working tree, shared by equal trees
and never changed once complete.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from io import BytesIO
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
        if not self._is_repository():
            raise UsageError(f"{repository} is not a git repository; correct `repository` in the pipeline's defs.yaml")

    def resolve(self, ref: str) -> Commit:
        name = GitRef(ref)
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False)
        if found is None:
            hint = ", ".join(known for known, _ in self.known()[:8])
            raise UnknownName(f"no commit {ref!r} in {self._repository}; it knows {hint or 'no branch or tag'}")
        return Commit(found.decode().strip())

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        if not paths:
            return Tree(self._text("rev-parse", "--verify", f"{commit}^{{tree}}"))
        listing = self._git("ls-tree", "-z", commit, "--", *(path.rstrip("/") for path in paths))
        assert listing is not None  # noqa: S101  # checked calls answer
        found = [entry for entry in listing.split(b"\0") if entry]
        if len(found) < len(set(paths)):
            raise UnknownName(f"code.paths: commit {commit} does not have all of {', '.join(paths)}")
        return Tree(hashlib.sha256(b"\0".join(sorted(found))).hexdigest())

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        # Equal subtrees do not make equal checkouts: the directory is the commit's whole tree.
        whole = self._text("rev-parse", "--verify", f"{commit}^{{tree}}")
        directory = self._home / "checkouts" / whole
        if not directory.exists():
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
        return tuple((name, Commit(peeled or direct)) for name, direct, peeled in rows)

    def subject(self, commit: Commit) -> str:
        """The first line of the commit's message."""
        return self._text("log", "-1", "--format=%s", commit)

    def _extract(self, commit: Commit, directory: Path) -> None:
        """Unpack beside the place, then rename: a directory that exists is complete."""
        archive = self._git("archive", "--format=tar", commit)
        assert archive is not None  # noqa: S101  # checked calls answer
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".partial-"))
        try:
            with tarfile.open(fileobj=BytesIO(archive)) as tar:
                tar.extractall(partial, filter="data")
            partial.chmod(0o755)
            partial.rename(directory)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            if not directory.exists():
                raise InfrastructureError(f"cannot check out {commit} into {directory}: {error}") from error

    def _is_repository(self) -> bool:
        return self._repository.is_dir() and self._git("rev-parse", "--git-dir", check=False) is not None

    def _text(self, *arguments: str) -> str:
        output = self._git(*arguments)
        assert output is not None  # noqa: S101  # checked calls answer
        return output.decode("utf-8", "replace").strip("\n")

    def _git(self, *arguments: str, check: bool = True) -> bytes | None:
        command = ["git", "-c", "safe.directory=*", "-C", str(self._repository), *arguments]
        done = subprocess.run(command, capture_output=True, env=self._variables, check=False)
        if done.returncode == 0:
            return done.stdout
        if check:
            reason = done.stderr.decode("utf-8", "replace").strip()
            raise InfrastructureError(f"git {arguments[0]} failed in {self._repository}: {reason}")
        return None
