"""What every Upstream promises, and what the one on git does with what a remote may call its refs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dit_dagster.adapters.git_remote import GitUpstream
from dit_dagster.adapters.memory import MemoryUpstream
from dit_dagster.errors import InfrastructureError
from dit_dagster.model.identity import Commit
from dit_dagster.model.pull_request import Head
from dit_dagster.ports import Upstream
from dit_dagster_tests.git_daemon import ServedRemote, served_remote
from dit_dagster_tests.repositories import Repository

HOSTILE = (
    "--upload-pack=touch${IFS}pwned",
    "$(id)",
    "`id`",
    ";id",
    "a'b\"c",
    "ünïcödé-\u202egnirts",
    "refs/pull/9/head",
    "pull/8/head",
    "x" * 200 + "/" + "y" * 200,
)
"""What git itself takes as the name of a branch."""


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRemote]:
    with served_remote(tmp_path_factory.mktemp("remote")) as served:
        yield served


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A port, and how its pull requests come about: by number, with the paths that they change."""

    port: Upstream
    pull: Callable[[int, Mapping[str, str]], Commit]


@pytest.fixture(params=["git", "memory"])
def watched(request: pytest.FixtureRequest, remote: ServedRemote, tmp_path: Path) -> Watched:
    if request.param == "git":

        def pull(number: int, files: Mapping[str, str]) -> Commit:
            made = remote.commit(files)
            remote.open_pull(number, made, fork=True)
            return Commit(made)

        return Watched(port=upstream(remote, tmp_path), pull=pull)
    memory = MemoryUpstream(Head(ref="refs/heads/main", commit=Commit("1" * 40)))

    def remember(number: int, files: Mapping[str, str]) -> Commit:
        made = Commit(f"{number:040x}")
        memory.pulls[number] = Head(ref=f"refs/pull/{number}/head", commit=made)
        memory.paths[made] = tuple(sorted(files))
        return made

    return Watched(port=memory, pull=remember)


def upstream(remote: ServedRemote, folder: Path, branch: str | None = "main") -> GitUpstream:
    """The remote, watched for a repository that shares nothing with it yet."""
    Repository.new(folder / "repository")
    return GitUpstream(remote.address, branch, folder / "repository", os.environ)


def test_a_look_shows_pull_requests_and_the_default_branch(watched: Watched) -> None:
    """By number, with full commits; a head is no branch of the remote's own unless one stands on it."""
    made = watched.pull(1, {"src/job.py": "print(1)\n"})

    seen = watched.port.look()

    assert seen.pulls[1] == Head(ref="refs/pull/1/head", commit=made)
    assert seen.default is not None
    assert (seen.default.commit in seen.own, made in seen.own) == (True, False)


def test_the_paths_that_a_head_changes_are_told(watched: Watched) -> None:
    """Against where it left the default branch."""
    watched.pull(2, {"src/job.py": "print(2)\n", "docs/a b.md": "\n"})
    seen = watched.port.look()

    assert watched.port.changed(seen.pulls[2], seen.default) == ("docs/a b.md", "src/job.py")


def test_bringing_a_head_twice_is_bringing_it_once(watched: Watched) -> None:
    """It may be needed by several steps."""
    made = watched.pull(3, {"src/job.py": "print(3)\n"})

    for _ in range(2):
        watched.port.bring(Head(ref="refs/pull/3/head", commit=made))

    assert watched.port.look().pulls[3].commit == made


def test_what_is_brought_leaves_no_trace_in_the_repository(remote: ServedRemote, tmp_path: Path) -> None:
    """The commit is there; refs, FETCH_HEAD, index and files are as they were."""
    made = remote.commit({"src/job.py": "print(4)\n"})
    remote.open_pull(4, made, fork=True)
    port = upstream(remote, tmp_path)
    repository = Repository(path=tmp_path / "repository")

    port.bring(port.look().pulls[4])

    assert repository.git("cat-file", "-t", made) == "commit"
    assert (repository.git("for-each-ref"), repository.git("status", "--porcelain")) == ("", "")
    assert not (repository.path / ".git" / "FETCH_HEAD").exists()


def test_a_head_that_moved_on_is_still_brought(remote: ServedRemote, tmp_path: Path) -> None:
    """Between the look and the run somebody pushed; what was decided is what is run."""
    first = remote.commit({"src/job.py": "print(5)\n"})
    remote.open_pull(5, first, fork=True)
    port = upstream(remote, tmp_path)
    seen = port.look().pulls[5]
    remote.open_pull(5, remote.commit({"src/job.py": "print(6)\n"}), fork=True)

    port.bring(seen)

    assert Repository(path=tmp_path / "repository").git("cat-file", "-t", first) == "commit"


def test_a_commit_that_the_remote_does_not_have_is_said_to_be_gone(remote: ServedRemote, tmp_path: Path) -> None:
    """Not a success, and not an endless try."""
    with pytest.raises(InfrastructureError, match="does not give out 0000"):
        upstream(remote, tmp_path).bring(Head(ref="refs/pull/77/head", commit=Commit("0" * 40)))


def test_without_a_declared_branch_the_default_is_what_head_says(remote: ServedRemote, tmp_path: Path) -> None:
    """The host knows what it is called."""
    main = remote.clone.git("rev-parse", "main")

    seen = upstream(remote, tmp_path, branch=None).look()

    assert seen.default == Head(ref="HEAD", commit=Commit(main))


def test_refs_of_hostile_names_are_data(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """None is an option, a command or a path, and none of them is taken for a pull request."""
    with served_remote(tmp_path_factory.mktemp("hostile")) as remote:
        made = remote.commit({"a": "b"})
        remote.set_refs({})
        remote.push(made, "refs/pull/1/head")
        remote.set_refs({f"refs/heads/{name}": made for name in HOSTILE})
        remote.set_refs({"refs/pull/--exec=x/head": made, "refs/pull/$(id)/head": made, "refs/pull/2/merge": made})
        port = upstream(remote, tmp_path)

        seen = port.look()
        port.bring(seen.pulls[1])

    assert list(seen.pulls) == [1]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n\n\t\n", id="empty lines"),
        pytest.param(b"1" * 39 + b"\trefs/pull/1/head\n", id="a short id"),
        pytest.param(b"1" * 64 + b"\trefs/pull/1/head\n", id="ids of another format"),
        pytest.param(b"1" * 40 + b" refs/pull/1/head\n", id="no tab"),
        pytest.param(b"1" * 40 + b"\trefs/pull/1/head \n", id="a space"),
        pytest.param(b"1" * 40 + b"\trefs/pull/../../head\n", id="a path"),
        pytest.param(b"1" * 40 + b"\t" + b"refs/pull/" + b"9" * 10_000 + b"/head\n", id="ten thousand digits"),
        pytest.param(b"1" * 40 + b"\trefs/pull/\xff\xfe/head\n", id="no text at all"),
        pytest.param(b"From git://x\nwarning: 1111\trefs/pull/1/head\n", id="what git says besides"),
    ],
)
def test_what_is_no_line_of_a_listing_is_passed_over(listing: bytes, tmp_path: Path) -> None:
    """Bytes in, numbers and full ids out."""
    Repository.new(tmp_path / "repository")
    port = GitUpstream("git://127.0.0.1/x", "main", tmp_path / "repository", os.environ)

    assert dict(port._parsed(listing)) == {}


def test_a_listing_that_contradicts_itself_is_not_believed(tmp_path: Path) -> None:
    """A name with a line's end in it could stand for another ref."""
    Repository.new(tmp_path / "repository")
    port = GitUpstream("git://127.0.0.1/x", "main", tmp_path / "repository", os.environ)
    listing = b"1" * 40 + b"\trefs/heads/main\n" + b"2" * 40 + b"\trefs/heads/main\n"

    with pytest.raises(InfrastructureError, match="twice"):
        dict(port._parsed(listing))


def test_a_remote_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """An empty listing would cancel every run."""
    Repository.new(tmp_path / "repository")
    port = GitUpstream(str(tmp_path / "nowhere.git"), "main", tmp_path / "repository", os.environ)

    with pytest.raises(InfrastructureError, match="cannot be listed"):
        port.look()
