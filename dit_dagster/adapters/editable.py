"""The SourceControl port on a folder that is run as it lies: the fast inner loop, whose results prove nothing."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dit_dagster.adapters.git_command import Git
from dit_dagster.adapters.working_tree import take_snapshot
from dit_dagster.errors import UsageError
from dit_dagster.model.identity import Commit, PipelineName, Tree, content_hash
from dit_dagster.model.origin import Snapshot
from dit_dagster.ports import Checkout, SourceControl


class EditableSource:
    """`folder`, the working tree of a git repository, stands for every commit that is asked for.

    Its tree is never that of another run, so that nothing is ever reused.
    """

    def __init__(self, folder: Path, repository: SourceControl, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._repository = repository
        self._git = Git(folder, variables)
        self._once = secrets.token_hex(16)
        if not folder.is_dir() or self._git.maybe("rev-parse", "--show-prefix") != b"\n":
            raise UsageError(f"--editable {folder}: it is not the top of a git working tree")

    def resolve(self, ref: str) -> Commit:
        """What its tracked files are at this moment, whatever is asked for."""
        return take_snapshot(self._git).commit

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        return Tree(content_hash(["editable", self._once]))

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        return Checkout(directory=self._folder, commit=commit, tree=tree, editable=True)

    def snapshot(self, pipeline: PipelineName) -> Snapshot | None:
        return take_snapshot(self._git)

    def reviewed(self, commit: Commit, branch: str | None) -> bool | None:
        return False

    @contextmanager
    def working_copy(self, checkout: Checkout) -> Iterator[Checkout]:
        # What a step leaves in the folder is seen by the next phase: one more reason why it proves nothing.
        with tempfile.TemporaryDirectory(prefix="dit-editable-", ignore_cleanup_errors=True) as scratch:
            yield replace(checkout, scratch=Path(scratch))

    def altered(self, checkout: Checkout) -> tuple[str, ...]:
        return ()  # that it may be is why it proves nothing

    def is_ancestor(self, earlier: Commit, later: Commit) -> bool:
        return False

    def between(self, good: Sequence[Commit], bad: Commit) -> tuple[Commit, ...]:
        return (bad,)

    def known(self) -> tuple[tuple[str, Commit], ...]:
        return self._repository.known()

    def subject(self, commit: Commit) -> str:
        return f"{self._folder}, as it lies"
