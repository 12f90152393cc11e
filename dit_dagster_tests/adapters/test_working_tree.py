"""A working tree as a commit: deterministic, complete, and without a trace in what is the user's."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dit_dagster.adapters.git import GitSource
from dit_dagster.adapters.git_command import Git
from dit_dagster.adapters.working_tree import (
    drop_snapshot,
    push_snapshot,
    remote_of,
    snapshot_ref,
    snapshots_of,
    take_snapshot,
)
from dit_dagster.errors import InfrastructureError, UnknownName, UsageError
from dit_dagster.model.identity import PipelineName
from dit_dagster_tests.repositories import Repository

NAME = PipelineName("trips")
JOB = {"job.py": "print('committed')\n", "data/more.txt": "1\n"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.new(tmp_path / "repository")


def git(repository: Repository) -> Git:
    return Git(repository.path, os.environ)


def source(repository: Repository, home: Path) -> GitSource:
    return GitSource(repository.path, home, os.environ)


def held(repository: Repository, commit: str) -> dict[str, str]:
    """What a commit holds, by path."""
    names = [name for name in repository.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0") if name]
    return {name: repository.git("cat-file", "blob", f"{commit}:{name}") for name in names}


def everything(repository: Repository) -> dict[str, str]:
    """All that is the user's: the files, the index, the refs, HEAD and the stash."""
    folder = repository.path
    files = {str(f.relative_to(folder)): f for f in folder.rglob("*") if f.is_file() and ".git" not in f.parts}
    files |= {name: folder / ".git" / name for name in ("index", "HEAD", "logs/HEAD", "logs/refs/stash")}
    told = {name: _digest(file) for name, file in files.items()}
    return {**told, "refs": repository.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash")}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "none"


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8
).filter(lambda name: name.lower() not in (".", "..", ".git", "git~1"))  # a folder itself, and what is git's own
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join).map(lambda path: "f" + path)
PRINTED = st.characters(min_codepoint=32, max_codepoint=126)
FILES = st.dictionaries(PATHS, st.text(PRINTED, max_size=20))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tracked=FILES, edited=FILES, untracked=FILES, removed=st.sets(st.integers(0, 3)))
def test_trap_45_a_snapshot_is_the_tracked_files_as_they_lie(
    tmp_path_factory: pytest.TempPathFactory,
    tracked: Mapping[str, str],
    edited: Mapping[str, str],
    untracked: Mapping[str, str],
    removed: set[int],
) -> None:
    """Trap 45: changed files are in it, deleted ones are not, untracked ones never; and nothing of the user's moves."""
    repository = Repository.new(tmp_path_factory.mktemp("repository"))
    tracked = _placeable({**JOB, **tracked})
    repository.commit(tracked)
    repository.write({"job.py": "stashed\n"})
    repository.git("stash")
    expected = dict(tracked)
    for name in [name for name in edited if name in tracked]:
        expected[name] = edited[name]
        repository.write({name: edited[name]})
    for name in [name for place, name in enumerate(sorted(tracked)) if place in removed]:
        del expected[name]
        (repository.path / name).unlink()
    others = [name for name in untracked if name not in tracked and _free(repository.path, name)]
    repository.write(
        {name: untracked[name] for name in _placeable({**tracked, **dict.fromkeys(others, "")}) if name in others}
    )
    before = everything(repository)

    snapshot = take_snapshot(git(repository))

    assert held(repository, snapshot.commit) == {name: text.strip() for name, text in expected.items()}
    assert everything(repository) == before
    assert set(snapshot.changed) == {n for n in tracked if expected.get(n) != tracked[n]}
    assert set(snapshot.untracked) == {name for name in others if (repository.path / name).is_file()}


def _placeable(files: Mapping[str, str]) -> dict[str, str]:
    """Without names that would be both a file and a folder."""
    folders = {str(parent) for name in files for parent in Path(name).parents}
    return {name: text for name, text in files.items() if name not in folders}


def _free(folder: Path, name: str) -> bool:
    place = folder / name
    return not place.exists() and all(not parent.is_file() for parent in place.parents)


def test_trap_34_one_tree_is_one_snapshot_whatever_head_is(tmp_path: Path) -> None:
    """Trap 34: another history, another author, another branch, no history at all: the same id."""
    found = set()
    for number, parents in enumerate(((), ({"job.py": "1\n"},), ({"job.py": "2\n"}, {"other.py": "x\n"}))):
        repository = Repository.new(tmp_path / str(number))
        for files in parents:
            repository.commit(files)
        for file in repository.path.glob("*.py"):
            file.unlink()
        repository.write(JOB)
        repository.git("add", "--all")
        found.add(take_snapshot(git(repository)).commit)

    assert len(found) == 1


def test_neither_time_nor_flags_hide_a_change(repository: Repository) -> None:
    """A file of the old size and time, or one that git was told to take for unchanged, is read all the same."""
    repository.commit({"job.py": "print(1)\n", "other.py": "print(1)\n"})
    file = repository.path / "job.py"
    before = file.stat()
    file.write_text("print(2)\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    repository.git("update-index", "--assume-unchanged", "other.py")
    repository.write({"other.py": "print(3)\n"})

    snapshot = take_snapshot(git(repository))

    assert held(repository, snapshot.commit) == {"job.py": "print(2)", "other.py": "print(3)"}


@pytest.mark.parametrize("sparse", [False, True])
def test_a_flag_to_skip_the_working_tree_hides_no_change(repository: Repository, sparse: bool) -> None:
    """People set it by hand to keep a change to themselves: the file lies there, and is what they mean to run."""
    repository.commit(JOB)
    if sparse:
        repository.git("sparse-checkout", "set", "--no-cone", "/job.py")
    else:
        repository.git("update-index", "--skip-worktree", "data/more.txt")
    repository.write({"data/more.txt": "2\n"})

    snapshot = take_snapshot(git(repository))

    assert (snapshot.changed, held(repository, snapshot.commit)["data/more.txt"]) == (("data/more.txt",), "2")


def test_a_sparse_checkout_deletes_nothing(repository: Repository) -> None:
    """Files that were left out of the working tree are as the index says."""
    repository.commit(JOB)
    repository.git("sparse-checkout", "set", "--no-cone", "/job.py")
    assert not (repository.path / "data").exists()

    assert take_snapshot(git(repository)).clean


def test_modes_links_and_staged_files_are_kept(repository: Repository) -> None:
    """Executable bits and links are part of the tree; a file that was only staged is tracked."""
    repository.commit(JOB)
    (repository.path / "job.py").chmod(0o755)
    (repository.path / "link").symlink_to("job.py")
    repository.write({"staged.py": "1\n"})
    repository.git("add", "link", "staged.py")

    snapshot = take_snapshot(git(repository))

    modes = [line.split()[0] for line in repository.git("ls-tree", snapshot.commit).splitlines()]
    assert (modes, snapshot.changed) == (["040000", "100755", "120000", "100644"], ("job.py", "link", "staged.py"))


def test_line_ends_are_what_a_commit_would_hold(repository: Repository) -> None:
    """A file with the attribute `text` is in the tree with line feeds, whatever it has in the working tree."""
    repository.commit({".gitattributes": "*.txt text\n", "a.txt": "1\n"})
    (repository.path / "a.txt").write_bytes(b"1\r\n")

    assert take_snapshot(git(repository)).clean


def test_worktrees_detached_heads_and_shallow_clones_work(repository: Repository, tmp_path: Path) -> None:
    """What is changed there is what is taken; one tree is one id everywhere."""
    repository.commit({"job.py": "1\n"})
    repository.commit(JOB)
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "worktree"))
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow")], check=True
    )
    places = [repository.path, tmp_path / "worktree", tmp_path / "shallow"]
    for place in places:
        (place / "job.py").write_text("print('edited')\n")

    found = {take_snapshot(Git(place, os.environ)).commit for place in places}

    assert len(found) == 1


def test_an_unfinished_merge_is_refused(repository: Repository) -> None:
    """No commit can hold a conflict."""
    repository.commit(JOB)
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit({"job.py": "other\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"job.py": "main\n"})
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "other")

    with pytest.raises(UsageError, match=r"a merge is not finished \(job.py\)"):
        take_snapshot(git(repository))


def with_submodule(repository: Repository, tmp_path: Path) -> Path:
    inner = Repository.new(tmp_path / "inner")
    inner.commit({"library.py": "1\n"})
    repository.commit(JOB)
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "library")
    repository.git("commit", "--quiet", "-m", "with a submodule")
    return repository.path / "library"


def test_a_submodule_is_checked_out_with_the_program(repository: Repository, tmp_path: Path) -> None:
    """Its files lie where the program looks for them."""
    with_submodule(repository, tmp_path)
    code = source(repository, tmp_path / "home")
    commit = code.resolve("HEAD")

    directory = code.checkout(commit, code.tree(commit)).directory

    assert (directory / "library" / "library.py").read_text() == "1\n"


def test_a_submodule_with_changes_of_its_own_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Only a commit inside of it can be part of a tree."""
    (with_submodule(repository, tmp_path) / "library.py").write_text("2\n")

    with pytest.raises(UsageError, match="submodule library has changes of its own"):
        take_snapshot(git(repository))


def test_a_submodule_that_is_to_be_ignored_is_at_its_own_commit(repository: Repository, tmp_path: Path) -> None:
    """What a declaration hides from `git status` is part of the program all the same."""
    inner = Repository(path=with_submodule(repository, tmp_path))
    repository.git("config", "-f", ".gitmodules", "submodule.library.ignore", "all")
    repository.git("commit", "--quiet", "-a", "-m", "ignored")
    moved = inner.commit({"library.py": "3\n"})

    snapshot = take_snapshot(git(repository))

    assert snapshot.changed == ("library",)
    assert repository.git("rev-parse", f"{snapshot.commit}:library") == moved


def test_a_changed_file_of_a_submodule_is_other_code(repository: Repository, tmp_path: Path) -> None:
    """Its files run with the program's own, and are read back with them."""
    with_submodule(repository, tmp_path)
    code = source(repository, tmp_path / "home")
    commit = code.resolve("HEAD")
    with code.working_copy(code.checkout(commit, code.tree(commit))) as own:
        untouched = code.altered(own)
        (own.directory / "library" / "library.py").write_text("2\n")

        assert (untouched, code.altered(own)) == ((), ("library/library.py",))


def test_a_submodule_that_is_not_here_is_refused(repository: Repository, tmp_path: Path) -> None:
    """A program without a part of its files would run differently, or not at all."""
    with_submodule(repository, tmp_path)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(repository.path), str(clone)], check=True)
    code = GitSource(clone, tmp_path / "home", os.environ)
    commit = code.resolve("HEAD")

    with pytest.raises(UsageError, match="git submodule update --init library"):
        code.checkout(commit, code.tree(commit))


def a_pointer(content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"


def test_a_pointer_of_git_lfs_becomes_its_content(repository: Repository, tmp_path: Path) -> None:
    """From the objects on this machine; if it is not there, the commit is refused."""
    content = b"large\n"
    name = hashlib.sha256(content).hexdigest()
    repository.commit({".gitattributes": "*.bin filter=lfs\n", "model.bin": a_pointer(content)})
    code = source(repository, tmp_path / "home")
    commit = code.resolve("HEAD")
    with pytest.raises(UsageError, match=r"model.bin of commit \w+ is kept in Git LFS"):
        code.checkout(commit, code.tree(commit))
    place = repository.path / ".git" / "lfs" / "objects" / name[:2] / name[2:4]
    place.mkdir(parents=True)
    (place / name).write_bytes(content)

    directory = code.checkout(commit, code.tree(commit)).directory

    assert (directory / "model.bin").read_bytes() == content


def test_a_pointer_in_a_tree_without_lfs_is_a_text_like_any_other(repository: Repository, tmp_path: Path) -> None:
    """Such as the fixture of a test."""
    text = a_pointer(b"x")
    repository.commit({"fixture.txt": text})
    code = source(repository, tmp_path / "home")
    commit = code.resolve("HEAD")

    assert (code.checkout(commit, code.tree(commit)).directory / "fixture.txt").read_text() == text


def a_remote(repository: Repository, folder: Path, name: str = "origin") -> Repository:
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    repository.git("remote", "add", name, str(folder))
    return Repository(path=folder)


def test_a_snapshot_goes_to_a_remote_and_is_found_from_elsewhere(repository: Repository, tmp_path: Path) -> None:
    """Pushed under a ref of its own, run from another clone by its id, and removed on both sides."""
    repository.commit(JOB)
    remote = a_remote(repository, tmp_path / "remote")
    repository.git("push", "--quiet", "origin", "main")
    repository.write({"job.py": "print('edited')\n"})
    snapshot = source(repository, tmp_path / "home").snapshot(NAME)
    assert snapshot is not None
    push_snapshot(git(repository), snapshot.commit, NAME, remote_of(git(repository), None))
    subprocess.run(["git", "clone", "--quiet", str(remote.path), str(tmp_path / "clone")], check=True)
    elsewhere = GitSource(tmp_path / "clone", tmp_path / "other-home", os.environ)

    assert elsewhere.resolve(snapshot.commit) == snapshot.commit
    assert remote.git("for-each-ref", "--format=%(refname)", "refs/dit-snapshots") == snapshot_ref(
        NAME, snapshot.commit
    )
    assert drop_snapshot(git(repository), snapshot.commit, NAME, remote_of(git(repository), None)) == ("here", "origin")
    assert snapshots_of(git(repository), NAME, remote_of(git(repository), None)) == ()


def test_a_fork_is_pushed_to_where_pushes_go(repository: Repository, tmp_path: Path) -> None:
    """`remote.pushDefault` wins over origin; a name wins over both."""
    repository.commit(JOB)
    for name in ("origin", "fork", "third"):
        a_remote(repository, tmp_path / name, name)
    repository.git("config", "remote.pushDefault", "fork")

    assert [remote_of(git(repository), name).name for name in (None, "third")] == ["fork", "third"]


@pytest.mark.parametrize("name", ["nowhere", "--upload-pack=touch x", "-f", "", "a b", "\n"])
def test_a_remote_that_is_none_is_refused(repository: Repository, name: str) -> None:
    """Whatever it is called: it is data."""
    repository.commit(JOB)

    with pytest.raises(UsageError, match=r"give --remote NAME"):
        remote_of(git(repository), name or None)


def test_without_permission_a_push_is_refused_with_the_remedy(repository: Repository, tmp_path: Path) -> None:
    """And nothing is lost: the snapshot stays here."""
    repository.commit(JOB)
    remote = a_remote(repository, tmp_path / "remote")
    hook = remote.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    hook.chmod(0o755)
    snapshot = take_snapshot(git(repository))

    with pytest.raises(UsageError, match=r"could not be pushed to origin: .*no permission.*; give --remote NAME"):
        push_snapshot(git(repository), snapshot.commit, NAME, remote_of(git(repository), None))


def test_a_pull_request_is_found_by_its_number(repository: Repository, tmp_path: Path) -> None:
    """`#7`, `pull/7` and `7` are the head that the remote has for it; no ref is left here."""
    repository.commit(JOB)
    remote = a_remote(repository, tmp_path / "remote")
    head = repository.commit({"job.py": "proposed\n"})
    repository.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(remote.path), str(clone)], check=True, capture_output=True)
    code = GitSource(clone, tmp_path / "home", os.environ)

    assert {code.resolve(name) for name in ("#7", "pull/7", "7")} == {head}
    assert "pull" not in Repository(path=clone).git("for-each-ref")
    with pytest.raises(UnknownName):
        code.resolve("#8")


def test_what_the_default_branch_holds_was_reviewed(repository: Repository, tmp_path: Path) -> None:
    """An ancestor is; a commit of another branch and a snapshot are not; without such a branch nobody knows."""
    first = repository.commit(JOB)
    repository.git("checkout", "--quiet", "-b", "topic")
    proposed = repository.commit({"job.py": "proposed\n"})
    code = source(repository, tmp_path / "home")
    snapshot = code.snapshot(NAME)
    assert snapshot is not None

    found = [code.reviewed(code.resolve(one), None) for one in (first, proposed, snapshot.commit)]

    assert (found, code.reviewed(code.resolve(first), "nowhere")) == ([True, False, False], None)


def test_a_bare_repository_has_no_working_tree(repository: Repository, tmp_path: Path) -> None:
    """There is nothing to take; the user names a commit, or gets HEAD."""
    repository.commit(JOB)
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(repository.path), str(bare)], check=True)

    assert GitSource(bare, tmp_path / "home", os.environ).snapshot(NAME) is None


def test_a_filter_that_is_missing_is_an_error(repository: Repository) -> None:
    """What a required filter should have made of a file is unknown."""
    repository.commit({".gitattributes": "*.bin filter=lfs\n", "model.bin": "content\n"})
    repository.git("config", "filter.lfs.clean", "no-such-program-anywhere")
    repository.git("config", "filter.lfs.required", "true")

    with pytest.raises(InfrastructureError, match="no-such-program-anywhere"):
        take_snapshot(git(repository))
