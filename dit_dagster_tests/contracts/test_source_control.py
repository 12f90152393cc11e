"""What every SourceControl promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from dit_dagster.adapters.git import GitSource
from dit_dagster.adapters.memory import MemorySource
from dit_dagster.errors import BadName, UnknownName
from dit_dagster.model.identity import Commit, Tree
from dit_dagster.ports import SourceControl
from dit_dagster_tests.repositories import Repository

FILES = {"src/job.py": "print(1)\n", "README.md": "one\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """A port, and how the test's author commits files to what it reads."""

    port: SourceControl
    commit: Callable[..., str]


@pytest.fixture(params=["git", "memory"])
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> Sources:
    if request.param == "git":
        repository = Repository.new(tmp_path / "repository")
        repository.commit({}, "empty")
        return Sources(port=GitSource(repository.path, tmp_path / "home", os.environ), commit=repository.commit)
    memory = MemorySource(tmp_path / "home")
    memory.commit({}, "empty")
    kept: dict[str, str] = {}

    def commit(files: Mapping[str, str], *refs: str) -> str:
        kept.update(files)
        return memory.commit(kept, *refs)

    return Sources(port=memory, commit=commit)


def test_a_ref_leads_to_its_commit(sources: Sources) -> None:
    """A tag, a full id and an abbreviated one are the same commit."""
    made = sources.commit(FILES, "v1")

    found = {sources.port.resolve(ref) for ref in ("v1", made, made[:10])}

    assert found == {Commit(made)}


def test_a_ref_that_is_not_there_lists_those_that_are(sources: Sources) -> None:
    """The message repeats what was asked for."""
    sources.commit(FILES, "v1")

    with pytest.raises(UnknownName, match=r"no commit 'v2' in .*; it knows .*v1"):
        sources.port.resolve("v2")


@pytest.mark.parametrize("ref", ["--all", "-n1", "v1 v2", "HEAD^{tree}", ""])
def test_trap_41_what_is_no_ref_is_refused(sources: Sources, ref: str) -> None:
    """Trap 41: no text reaches the tool where it could be an option or an expression."""
    with pytest.raises(BadName):
        sources.port.resolve(ref)


def test_equal_files_are_one_tree(sources: Sources) -> None:
    """Trap 34: the tree says what the code is, and not which commit it stands on."""
    first = sources.commit(FILES, "v1")
    other = sources.commit({"README.md": "two\n"}, "v2")
    again = sources.commit(FILES, "v3")

    trees = [sources.port.tree(Commit(commit)) for commit in (first, other, again)]

    assert (first == again, trees[0] == trees[2], trees[0] == trees[1]) == (False, True, False)


@pytest.mark.parametrize(
    ("paths", "changed", "same"),
    [
        pytest.param(["src"], "README.md", True, id="a readme beside the code"),
        pytest.param(["src"], "src/job.py", False, id="the code"),
        pytest.param(["src/"], "README.md", True, id="with a slash"),
        pytest.param(["src", "README.md"], "README.md", False, id="a file that counts as code"),
    ],
)
def test_a_tree_of_paths_changes_with_them_alone(sources: Sources, paths: list[str], changed: str, same: bool) -> None:
    """What lies elsewhere in the repository re-runs nothing."""
    before = Commit(sources.commit(FILES, "v1"))
    after = Commit(sources.commit({changed: "changed\n"}, "v2"))

    assert (sources.port.tree(before, paths) == sources.port.tree(after, paths)) is same


def test_a_path_that_is_not_there_is_refused(sources: Sources) -> None:
    """Code that is declared and does not exist is no code."""
    commit = Commit(sources.commit(FILES, "v1"))

    with pytest.raises(UnknownName, match=r"code\.paths"):
        sources.port.tree(commit, ["src", "lib"])


def test_a_working_copy_is_nobody_elses(sources: Sources) -> None:
    """What is written, added or removed in it is in no other, nor in the checkout; afterwards it is gone."""
    commit = Commit(sources.commit(FILES, "v1"))
    checkout = sources.port.checkout(commit, sources.port.tree(commit))

    with sources.port.working_copy(checkout) as one, sources.port.working_copy(checkout) as other:
        (one.directory / "src" / "job.py").write_text("print(2)\n")
        (one.directory / "left.txt").write_text("for the next\n")
        (one.directory / "README.md").unlink()

        assert files_below(other.directory) == files_below(checkout.directory) == FILES
        assert (one.commit, one.tree) == (checkout.commit, checkout.tree)
        assert one.scratch is not None
        assert other.scratch is not None
        assert (one.scratch == other.scratch, files_below(one.scratch)) == (False, {})
    assert not one.directory.exists()


def files_below(directory: Path) -> dict[str, str]:
    return {str(file.relative_to(directory)): file.read_text() for file in directory.rglob("*") if file.is_file()}


def test_a_checkout_holds_the_files_of_the_commit(sources: Sources) -> None:
    """All of them, and nothing else."""
    commit = Commit(sources.commit(FILES, "v1"))
    sources.commit({"src/job.py": "print(2)\n"}, "v2")

    checkout = sources.port.checkout(commit, sources.port.tree(commit))

    assert (checkout.commit, files_below(checkout.directory)) == (commit, FILES)


def test_equal_trees_share_a_checkout(sources: Sources) -> None:
    """Whatever `tree` stands for: equal subtrees do not make equal checkouts."""
    first, other, again = (Commit(sources.commit({"README.md": text}, text)) for text in ("one", "two", "one-again"))
    third = Commit(sources.commit({"README.md": "one"}, "v4"))

    def directory(commit: Commit) -> Path:
        return sources.port.checkout(commit, Tree("a" * 64)).directory

    assert directory(first) == directory(third)
    assert len({directory(commit) for commit in (first, other, again)}) == 3


def test_checking_out_at_once_makes_one_checkout(sources: Sources) -> None:
    """Eight threads get the same complete directory."""
    files = {f"src/{number}.py": "x\n" * 1000 for number in range(20)}
    commit = Commit(sources.commit(files, "v1"))
    tree = sources.port.tree(commit)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: files_below(sources.port.checkout(commit, tree).directory), range(8)))

    assert found == [files] * 8


def test_known_refs_lead_to_their_commits(sources: Sources) -> None:
    """Every branch and tag, with the full id of its commit."""
    made = sources.commit(FILES, "v1")

    assert dict(sources.port.known())["v1"] == made
