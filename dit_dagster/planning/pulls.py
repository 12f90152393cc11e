"""What a look at a remote's pull requests leads to. Pure: the sensor looks, and does what is decided here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from dit_dagster.model.identity import Commit
from dit_dagster.model.pull_request import (
    Cursor,
    Head,
    PullRequest,
    Pulls,
    Remote,
    RunPull,
    Seen,
    Standing,
    Superseded,
    Tick,
    Waiting,
    Wanted,
    WarmDefault,
    Why,
)

DEFAULT = 0
"""Where a number of a pull request stands for the default branch."""

_RAN = (Standing.RAN, Standing.RAN_HEAVY)
_VERSION = 1


def tick(
    cursor: Cursor | None,
    remote: Remote,
    hosted: Mapping[int, PullRequest] | None,
    policy: Pulls,
    changed: Mapping[Commit, tuple[str, ...]],
) -> Tick:
    """Decide what is run, what is cancelled and what waits.

    `hosted` are the open pull requests as their host knows them, None if it is not asked: then no head is a draft, and
    each is from a fork unless a branch of the remote's own stands on it. The first look only takes the baseline. What
    exceeds the cap waits for the next look. `changed` are the paths that heads change.
    """
    if cursor is None:
        return _baseline(remote, hosted, policy)
    heads = [
        _looked_at(number, head, cursor.pulls.get(number), _Surroundings(remote, hosted, policy, changed))
        for number, head in sorted(remote.pulls.items())
    ]
    default, warm = _warm(cursor.default, remote.default, any(one.run for one in heads))
    room = policy.cap - len(warm)
    kept: dict[int, Seen] = {}
    runs: list[RunPull] = []
    for one in heads:
        late = one.run is not None and len(runs) >= room
        kept[one.number] = replace(one.after, standing=Standing.WAITS) if late else one.after
        if one.run is not None and not late:
            runs.append(one.run)
    return Tick(
        wanted=(*warm, *runs),
        superseded=_superseded(cursor, remote, heads),
        waiting=tuple(one.waits for one in heads if one.waits is not None),
        unknown=tuple(one.unknown for one in heads if one.unknown is not None)[: policy.cap],
        cursor=Cursor(default=default, pulls=kept),
    )


def announced(cursor: Cursor, numbers: frozenset[int]) -> Cursor:
    """The cursor after these pull requests were told that they wait."""
    told = {number: replace(seen, told=True) for number, seen in cursor.pulls.items() if number in numbers}
    return replace(cursor, pulls={**cursor.pulls, **told})


@dataclass(frozen=True, slots=True)
class _Surroundings:
    remote: Remote
    hosted: Mapping[int, PullRequest] | None
    policy: Pulls
    changed: Mapping[Commit, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """One pull request: what was known, what will be, and what is to be done."""

    number: int
    before: Seen | None
    after: Seen
    run: RunPull | None = None
    waits: Waiting | None = None
    unknown: Head | None = None


def _baseline(remote: Remote, hosted: Mapping[int, PullRequest] | None, policy: Pulls) -> Tick:
    pulls = {}
    for number, head in remote.pulls.items():
        pull = (hosted or {}).get(number)
        labelled = _labelled(None, head.commit, pull, policy)
        standing = Standing.RAN_HEAVY if _is_heavy(pull, policy) else Standing.SEEN  # that label asked somebody else
        pulls[number] = Seen(head=head.commit, standing=standing, labelled=labelled)
    default = Seen(head=remote.default.commit) if remote.default is not None else None
    return Tick(wanted=(), superseded=(), waiting=(), unknown=(), cursor=Cursor(default=default, pulls=pulls))


def _looked_at(number: int, head: Head, before: Seen | None, around: _Surroundings) -> _Looked:
    pull = around.hosted.get(number) if around.hosted is not None else None
    labelled = _labelled(before, head.commit, pull, around.policy)
    heavy = _is_heavy(pull, around.policy)
    same = before is not None and before.head == head.commit
    if before is not None and same and not _open_again(before, heavy):
        closed = around.hosted is not None and pull is None and before.standing in _RAN
        standing = Standing.SEEN if closed else before.standing
        return _Looked(number=number, before=before, after=replace(before, labelled=labelled, standing=standing))
    after = Seen(
        head=head.commit, standing=Standing.WAITS, labelled=labelled, told=same and before is not None and before.told
    )
    why = _why_not(head, labelled, pull, around)
    if why is not None:
        waits = Waiting(number=number, head=head, why=why)
        silent = why in (Why.DRAFT, Why.CLOSED) or after.told or around.policy.forks == "skip"
        return _Looked(number=number, before=before, after=after, waits=None if silent else waits)
    globs = () if heavy else around.policy.paths  # whoever sets that label wants a run
    if globs and head.commit not in around.changed:
        return _Looked(number=number, before=before, after=after, unknown=head)
    if globs and not _concerns(around.changed[head.commit], globs):
        return _Looked(number=number, before=before, after=replace(after, standing=Standing.SEEN))
    ran = replace(after, standing=Standing.RAN_HEAVY if heavy else Standing.RAN)
    return _Looked(number=number, before=before, after=ran, run=RunPull(number=number, head=head, heavy=heavy))


def _open_again(before: Seen, heavy: bool) -> bool:
    """Whether a head that was looked at before is to be looked at once more."""
    return before.standing is Standing.WAITS or (heavy and before.standing is not Standing.RAN_HEAVY)


def _why_not(head: Head, labelled: Commit | None, pull: PullRequest | None, around: _Surroundings) -> Why | None:
    """Why the head may not run now, or None if it may."""
    policy = around.policy
    if around.hosted is not None and pull is None:
        return Why.CLOSED
    if pull is not None and pull.draft and policy.drafts == "skip":
        return Why.DRAFT
    # A branch of the remote's own on the same commit: somebody who may write there has put it there.
    trusted = head.commit in around.remote.own or (pull is not None and not pull.fork)
    if trusted or policy.forks == "run":
        return None
    if policy.forks == "skip":
        return Why.FORK
    allowed = policy.allow
    by_list = head.commit in allowed.commits or (pull is not None and pull.author in allowed.authors)
    by_label = pull is not None and f"{allowed.label}:{head.commit}" in pull.labels
    if by_list or by_label or labelled == head.commit:
        return None
    return Why.MOVED if labelled is not None else Why.FORK


def _labelled(before: Seen | None, head: Commit, pull: PullRequest | None, policy: Pulls) -> Commit | None:
    """The head for which the allow label was set: the one on which it was seen first, for as long as it is there."""
    if pull is None or policy.allow.label not in pull.labels:
        return None
    return before.labelled if before is not None and before.labelled is not None else head


def _is_heavy(pull: PullRequest | None, policy: Pulls) -> bool:
    return policy.heavy is not None and pull is not None and policy.heavy.label in pull.labels


def _concerns(paths: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    """Whether one of the paths matches; a glob's `*` crosses folders, and a folder's name stands for all in it."""
    return any(fnmatchcase(path, glob) or path.startswith(f"{glob.rstrip('/')}/") for path in paths for glob in globs)


def _warm(before: Seen | None, default: Head | None, needed: bool) -> tuple[Seen | None, tuple[WarmDefault, ...]]:
    """The default branch is run when it moves, and if it never was, with the first run that it is compared with."""
    if default is None:
        return None, ()
    moved = before is None or before.head != default.commit
    if moved or (needed and before is not None and before.standing is not Standing.RAN):
        return Seen(head=default.commit, standing=Standing.RAN), (WarmDefault(head=default),)
    return before, ()


def _superseded(cursor: Cursor, remote: Remote, heads: list[_Looked]) -> tuple[Superseded, ...]:
    """What ran at a head that is no longer its pull request's."""
    found = [
        Superseded(number=one.number, current=one.after.head if one.before.head != one.after.head else None)
        for one in heads
        if one.before is not None
        and one.before.standing in _RAN
        and (one.before.head != one.after.head or one.after.standing is Standing.SEEN)
    ]
    gone = [
        Superseded(number=number, current=None)
        for number, seen in cursor.pulls.items()
        if number not in remote.pulls and seen.standing in _RAN
    ]
    moved = (
        cursor.default is not None
        and remote.default is not None
        and cursor.default.standing in _RAN
        and cursor.default.head != remote.default.commit
    )
    main = [Superseded(number=DEFAULT, current=remote.default.commit)] if moved and remote.default is not None else []
    return (*main, *found, *gone)


def written(cursor: Cursor) -> str:
    """The cursor as text. A head about which nothing was done is its commit alone: most are."""
    document = {
        "version": _VERSION,
        "default": _entry(cursor.default) if cursor.default is not None else None,
        "pulls": {str(number): _entry(seen) for number, seen in sorted(cursor.pulls.items())},
    }
    return json.dumps(document, separators=(",", ":"))


def read(text: str | None) -> Cursor | None:
    """The cursor that was written. None, which is a first look, for no text and for that of another version."""
    if not text:
        return None
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            return None
        pulls = {int(number): _seen(entry) for number, entry in document["pulls"].items()}
        return Cursor(default=_seen(document["default"]) if document["default"] else None, pulls=pulls)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):  # it was not written by us
        return None


def _entry(seen: Seen) -> str | list[str | bool | None]:
    if seen == Seen(head=seen.head):
        return str(seen.head)
    return [str(seen.head), seen.standing.value, seen.labelled and str(seen.labelled), seen.told]


def _seen(entry: str | list[str | bool | None]) -> Seen:
    if isinstance(entry, str):
        return Seen(head=Commit(entry))
    head, standing, labelled, told = entry
    return Seen(
        head=Commit(str(head)),
        standing=Standing(str(standing)),
        labelled=Commit(str(labelled)) if labelled else None,
        told=bool(told),
    )


def keys(wanted: Wanted) -> str:
    """One run per new head: the key under which it is asked for, whoever asks again."""
    match wanted:
        case RunPull():
            return f"pull-{wanted.number}-{wanted.head.commit}{'-heavy' if wanted.heavy else ''}"
        case WarmDefault():
            return f"default-{wanted.head.commit}"
