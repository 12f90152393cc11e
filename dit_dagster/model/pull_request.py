"""Pull requests of a git remote: what is declared of them, what is seen of them, and what a look at them leads to.

Names that a remote gives (refs, labels, logins) are data, whatever they hold: they are compared, and never put
together into a command, a path or SQL. What goes on from here is numbers and full commit ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dit_dagster.errors import BadName
from dit_dagster.model.identity import Commit
from dit_dagster.model.policy import Declared

# Each host has a name of its own for the head of a proposed change.
PULL_PATTERNS = ("refs/pull/*/head", "refs/merge-requests/*/head", "refs/pull-requests/*/from")
_PULL_REF = re.compile(r"refs/(?:(?:pull|merge-requests)/([1-9]\d{0,9})/head|pull-requests/([1-9]\d{0,9})/from)")
_REMOTE = re.compile(
    r"(?:(?:https?|git)://[A-Za-z0-9.:\[\]-]+/|ssh://(?:[\w.-]+@)?[A-Za-z0-9.:\[\]-]+/|file:///|/"
    r"|(?!-)[\w.-]+@[A-Za-z0-9.-]+:)[^\s@\x00-\x1f\x7f-]?[^\s@\x00-\x1f\x7f]*",
    re.ASCII,
)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.+$)[A-Za-z0-9._-]{1,100}")
_HOSTED = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:](?P<slug>[^/]+/[^/]+?)(?:\.git)?/?")


def _remote(text: str) -> str:
    if not _REMOTE.fullmatch(text):  # it is not shown: what is wrong with it may be a password
        raise ValueError(
            "not the address of a git remote (https://, ssh://, git://, file://, user@host:path or an absolute path); "
            "one that holds a password or a token is refused: git's credential helpers know those"
        )
    return text


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError(f"{text!r} is not a repository on GitHub; write owner/name")
    return text


def _commit(text: str) -> str:
    try:
        return str(Commit(text))
    except BadName as error:
        raise ValueError(str(error)) from error


class Allow(Declared):
    """Who may have a fork's code run before it is merged: a label, authors, or single commits.

    The label is for the head on which it is seen first; for a later one it has to be taken off and set again.
    `LABEL:COMMIT`, with a full commit id, is for that commit whenever it is seen.
    """

    label: str = Field(default="dit-allow", min_length=1, max_length=50)
    authors: tuple[str, ...] = ()
    commits: tuple[Annotated[str, AfterValidator(_commit)], ...] = ()


class Heavy(Declared):
    """A label by which a pull request chooses a heavier run: a longer window, a cohort, every mode."""

    label: str = Field(default="dit-heavy", min_length=1, max_length=50)
    start: date | None = None
    end: date | None = None
    tail: int | None = Field(default=None, ge=1)
    cohort: str | None = None
    all_modes: bool = False

    @model_validator(mode="after")
    def _is_heavier(self) -> Heavy:
        if not self.all_modes and (self.start, self.end, self.tail, self.cohort) == (None, None, None, None):
            raise ValueError("says nothing that makes a run heavier; give all_modes, a cohort, tail, or start and end")
        return self


class Pulls(Declared):
    """How the pull requests of a remote are watched. `github` is where verdicts go, by default the remote itself.

    `forks: ask` runs a fork's head once it is allowed. `paths` are globs: a head that changes none of them is not run.
    `cap` is how many runs one look may ask for; `seconds` is the time between looks.
    """

    remote: Annotated[str, AfterValidator(_remote)]
    github: Annotated[str, AfterValidator(_slug)] | None = None
    drafts: Literal["skip", "run"] = "skip"
    forks: Literal["ask", "skip", "run"] = "ask"
    allow: Allow = Allow()
    paths: tuple[str, ...] = ()
    cap: int = Field(default=5, ge=1, le=100)
    seconds: int = Field(default=60, ge=5)
    heavy: Heavy | None = None

    @property
    def slug(self) -> str | None:
        """`owner/name` on GitHub, or None if the remote is elsewhere and none is declared."""
        hosted = _HOSTED.fullmatch(self.remote)
        found = hosted["slug"] if hosted and _SLUG.fullmatch(hosted["slug"]) else None
        return self.github or found


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a ref of the remote points."""

    ref: str
    commit: Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """All that one listing of a remote said. `own` are the tips of its own branches: only its writers can set them."""

    default: Head | None
    pulls: Mapping[int, Head]
    own: frozenset[Commit] = frozenset()


def pull_number(ref: str) -> int | None:
    """The number of the pull request whose head the ref is, or None if it is no such ref."""
    found = _PULL_REF.fullmatch(ref)
    return int(found[1] or found[2]) if found else None


def is_watched(ref: str, default_branch: str | None) -> bool:
    """Whether the ref is one that a look leads to: a pull request's head, or the default branch."""
    return pull_number(ref) is not None or ref == default_ref(default_branch)


def default_ref(default_branch: str | None) -> str:
    """The ref of the default branch; without a name it is what the remote's HEAD says."""
    return f"refs/heads/{default_branch}" if default_branch else "HEAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What the host says of an open pull request. `fork` is also true where its repository is gone."""

    number: int
    author: str
    fork: bool
    draft: bool = False
    labels: frozenset[str] = frozenset()


class Standing(StrEnum):
    """What was done about a head."""

    SEEN = "seen"  # nothing: it was there before, or changes none of the paths
    WAITS = "waits"  # looked at again, each time
    RAN = "ran"
    RAN_HEAVY = "heavy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A head, and what was done about it. `labelled` is the head on which the allow label was seen first."""

    head: Commit
    standing: Standing = Standing.SEEN
    labelled: Commit | None = None
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What earlier looks left: one entry per pull request's ref, and one for the default branch."""

    default: Seen | None = None
    pulls: Mapping[int, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPull:
    """Run this head of a pull request."""

    number: int
    head: Head
    heavy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmDefault:
    """Run the default branch, so that what pull requests are compared with is known."""

    head: Head


Wanted = RunPull | WarmDefault


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Runs of a pull request at another head than `current` have nobody who waits for them.

    `number` 0 is the default branch; `current` is None if the pull request is closed or gone.
    """

    number: int
    current: Commit | None


class Why(StrEnum):
    """Why a head waits."""

    DRAFT = "it is a draft"
    FORK = "it comes from a fork, and nobody has allowed it to run"
    MOVED = "it moved on after it was allowed to run"
    CLOSED = "the host does not list it as open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A head that is not run yet."""

    number: int
    head: Head
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What a look leads to. `unknown` are heads whose changed paths have to be known first: look again with them."""

    wanted: tuple[Wanted, ...]
    superseded: tuple[Superseded, ...]
    waiting: tuple[Waiting, ...]
    unknown: tuple[Head, ...]
    cursor: Cursor
