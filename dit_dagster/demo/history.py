"""The histories of the sample pipelines: git repositories with the same commit ids on every machine.

`versions/v1` holds a full tree; every other folder of `versions` holds only the files that its commit
changes. A commit id is a hash of files, parents, authors, dates and message, and all of them are stated here
or shipped beside it, so nothing of the machine can show in it: not the user's git configuration, nor time
zone, umask or locale.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dit_dagster.errors import InfrastructureError, UsageError

VERSIONS: Final = Path(__file__).parent / "versions"
EXPECTED: Final = Path(__file__).parent / "expected.yaml"

_MARKER: Final = "dit-demo"
"""A file in .git that says: made here, may be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit as it is going to be: `tag` names it and its folder in `versions`."""

    tag: str
    parent: str | None
    branch: str
    author: str
    seconds: int  # since the epoch; the zone is always UTC
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRepository:
    """A complete repository, `main` checked out, and the commit of every tag, in the order of HISTORY."""

    path: Path
    commits: Mapping[str, str]


_ADA: Final = "Ada Keller <ada@flight-gaps.example>"
_JON: Final = "Jon Ferro <jon@flight-gaps.example>"
_MIA: Final = "Mia Sand <mia@flight-gaps.example>"

# The messages say what their authors believed. What is true of each commit is in expected.yaml.
HISTORY: Final = (
    Revision(
        tag="v1",
        parent=None,
        branch="main",
        author=_ADA,
        seconds=1_767_603_600,
        message="Find the aircraft that stop leaving New York\n",
    ),
    Revision(
        tag="v1-refactored",
        parent="v1",
        branch="main",
        author=_ADA,
        seconds=1_767_690_000,
        message="Say once how a step rewrites its table\n\n"
        "The statements get shorter on the way. No change of behaviour.\n",
    ),
    Revision(
        tag="v2-changed",
        parent="v1-refactored",
        branch="main",
        author=_MIA,
        seconds=1_767_776_400,
        message="Do not count hops of less than 150 miles\n\n"
        "An aircraft that is moved to Albany or Philadelphia is not back in service.\n",
    ),
    Revision(
        tag="bug-lost-at-boundary",
        parent="v1",
        branch="read-less",
        author=_JON,
        seconds=1_767_862_800,
        message="Speed up detection by reading only the slice\n\n"
        "Open gaps are in our own table, so the days before the window need not be read again.\n",
    ),
    Revision(
        tag="bug-exact-boundary",
        parent="v1",
        branch="read-once",
        author=_JON,
        seconds=1_767_949_200,
        message="Do not read a departure from two places\n\n"
        "One that lies the minimum before the window is an open gap by then: the table has it.\n",
    ),
    Revision(
        tag="bug-append-only",
        parent="v1",
        branch="cheaper-daily",
        author=_MIA,
        seconds=1_768_035_600,
        message="Save the DELETE of the daily summary\n\nThe days of a run are new, there is nothing to remove.\n",
    ),
    Revision(
        tag="bug-tail-kept",
        parent="v1",
        branch="bounded-delete",
        author=_JON,
        seconds=1_768_122_000,
        message="Touch only the partitions of the window\n\n"
        "A run over four days in March deleted everything up to December.\n",
    ),
    Revision(
        tag="bug-tie-break",
        parent="v1",
        branch="fair-ranking",
        author=_MIA,
        seconds=1_768_208_400,
        message="Be fair to aircraft late in the alphabet\n\n"
        "Of several busiest aircraft the first in the alphabet won every time.\n",
    ),
    Revision(
        tag="bug-local-day",
        parent="v1",
        branch="local-days",
        author=_ADA,
        seconds=1_768_294_800,
        message="Summarise days as the airports see them\n\n"
        "A departure at 20:00 in New York was counted to the next day.\n",
    ),
    Revision(
        tag="bug-last-day",
        parent="v1",
        branch="complete-days",
        author=_JON,
        seconds=1_768_381_200,
        message="Summarise complete days only\n\n"
        "The scheduler calls us while the last day of the window is still being loaded.\n",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The commits of one repository in an order in which they can be made, and the folder with their files."""

    versions: Path
    revisions: tuple[Revision, ...]


FLIGHT_GAPS: Final = History(versions=VERSIONS, revisions=HISTORY)
"""The sample pipeline, in SQL."""

FLIGHT_GAPS_BEAM: Final = History(
    versions=Path(__file__).parent / "beam" / "versions",
    revisions=(
        Revision(
            tag="v1",
            parent=None,
            branch="main",
            author=_ADA,
            seconds=1_768_467_600,
            message="Find the aircraft that stay on the ground, with Beam\n",
        ),
        Revision(
            tag="bug-lost-at-boundary",
            parent="v1",
            branch="own-days",
            author=_JON,
            seconds=1_768_554_000,
            message="Look only at departures of the days of the run\n\n"
            "Workers sort a week of departures for each aircraft that nobody asked for.\n",
        ),
    ),
)
"""A smaller one with Beam's BigQuery IO, whose second commit changes what the workers do."""


def prepare(directory: Path, history: History = FLIGHT_GAPS) -> DemoRepository:
    """Make `directory` the sample's repository and return it; what is complete already is left alone.

    A repository is complete when every tag is where it belongs and every object can be read; what was added
    to it later does not matter. An incomplete one is made again. A directory that holds anything else is
    refused with UsageError. Any number of processes may call this for one directory at once.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (
        _alone(directory.parent / f".{directory.name}.lock"),
        tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch,
    ):
        # Built every time: it costs a tenth of a second and says what complete is.
        built = Path(scratch) / "built"
        commits = _build(built, history)
        if not _is_complete(directory, commits):
            _set_aside(directory, Path(scratch) / "broken")
            built.rename(directory)
    return DemoRepository(path=directory, commits=commits)


def files_of(tag: str, history: History = FLIGHT_GAPS) -> dict[str, bytes]:
    """The whole tree of a commit: its own files over those of its parents, by path."""
    revision = next(revision for revision in history.revisions if revision.tag == tag)
    inherited = files_of(revision.parent, history) if revision.parent else {}
    return {**inherited, **overlay_of(tag, history)}


def overlay_of(tag: str, history: History = FLIGHT_GAPS) -> dict[str, bytes]:
    """The files that ship for one commit, by path."""
    return files_below(history.versions / tag)


def files_below(root: Path) -> dict[str, bytes]:
    """The files of a folder by path, without what Python and tools leave in folders."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(_is_litter(part) for part in path.relative_to(root).parts)
    }


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith((".pyc", ".egg-info"))


def _build(directory: Path, history: History) -> dict[str, str]:
    directory.mkdir()
    _git(directory, "init", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main")
    (directory / ".git" / _MARKER).write_text("Made by dit_dagster.demo.history.\n", encoding="utf-8")
    _git(directory, "config", "core.autocrlf", "false")
    _git(directory, "fast-import", "--quiet", "--date-format=raw", stdin=b"".join(_stream(history)))
    _git(directory, "reset", "--quiet", "--hard", "main")
    found = _tags(directory)
    return {revision.tag: found[revision.tag] for revision in history.revisions}


def _stream(history: History) -> Iterator[bytes]:
    """The history in the language of git-fast-import."""
    marks = {revision.tag: f":{number}" for number, revision in enumerate(history.revisions, start=1)}
    for revision in history.revisions:
        when = f"{revision.author} {revision.seconds} +0000"
        yield f"commit refs/heads/{revision.branch}\nmark {marks[revision.tag]}\n".encode()
        yield f"author {when}\ncommitter {when}\n".encode()
        yield _data(revision.message.encode())
        if revision.parent:
            yield f"from {marks[revision.parent]}\n".encode()
        for path, content in sorted(overlay_of(revision.tag, history).items()):
            yield f"M 100644 inline {path}\n".encode() + _data(content)
        yield f"reset refs/tags/{revision.tag}\nfrom {marks[revision.tag]}\n\n".encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _is_complete(directory: Path, commits: Mapping[str, str]) -> bool:
    if not (directory / ".git" / "HEAD").is_file():
        return False
    try:
        found = _tags(directory)
        _git(directory, "fsck", "--full", "--no-dangling", "--no-progress")
    except InfrastructureError:
        return False
    return all(found.get(tag) == commit for tag, commit in commits.items())


def _set_aside(directory: Path, aside: Path) -> None:
    """Move a broken repository out of the way; whatever else is there is not ours to move."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    entries = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    ours = (directory / ".git" / _MARKER).is_file()
    if not ours and (entries != {".git"} or any((directory / ".git").glob("objects/[0-9a-fp]*/*"))):
        raise UsageError(f"{directory} holds something else; name another directory for the sample")
    directory.rename(aside)


def _tags(directory: Path) -> dict[str, str]:
    listed = _git(directory, "for-each-ref", "--format=%(refname:strip=2) %(objectname)", "refs/tags")
    return dict(line.split() for line in listed.splitlines())


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git on exactly this directory, with nobody's configuration and in nobody's language."""
    git = shutil.which("git")
    if git is None:
        raise InfrastructureError("git is not on PATH; install it: the sample's history is a git repository")
    done = subprocess.run(
        [git, *arguments],
        cwd=directory,
        input=stdin,
        capture_output=True,
        check=False,
        env={
            "GIT_CEILING_DIRECTORIES": str(directory.parent),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(directory),
            "LC_ALL": "C",
            "PATH": str(Path(git).parent),
            "TZ": "UTC",
        },
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise InfrastructureError(f"git {arguments[0]} failed in {directory}: {said}")
    return done.stdout.decode()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
