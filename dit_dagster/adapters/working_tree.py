"""A working tree as a commit, made without touching the user's index, files, stash, HEAD or branches.

The tracked files are hashed anew into an index of our own: nothing that git remembers of a file (its time and size, a
flag that says "assume unchanged") can hide a change. The commit has no parents and a fixed author, date and message,
so that equal trees are one commit wherever and whenever they are made.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dit_dagster.adapters.git_command import Git
from dit_dagster.errors import UsageError
from dit_dagster.model.identity import Commit, PipelineName, Tree
from dit_dagster.model.origin import Snapshot

_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "dit"), ("EMAIL", "dit@localhost"), ("DATE", "2000-01-01T00:00:00+00:00"))
}
_MESSAGE = "Snapshot of a working tree"
_SHOWN = 3
_WHOLE = ("--no-renames", "--name-only", "--ignore-submodules=none")
_PLAIN = ("-c", "core.splitIndex=false", "-c", "core.sparseCheckout=false")
"""An index of our own is whole, and no pattern leaves out of it what lies there."""


def snapshot_ref(pipeline: PipelineName, commit: Commit) -> str:
    """The ref under which a snapshot is kept, here and on a remote."""
    return f"refs/dit-snapshots/{pipeline}/{commit}"


def take_snapshot(git: Git) -> Snapshot:
    """The tracked files as they lie now. Objects are written, and no ref.

    Raises UsageError for what no commit can hold: a merge that is not finished, a submodule with changes of its own.
    """
    status = _status(git)
    _refuse_unfinished(status)
    tree = _written_tree(git)
    who = git.with_variables(**_WHO)
    commit = Commit(who.text("-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, "-m", _MESSAGE))
    head = git.maybe("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    parent = Commit(head.decode().strip()) if head is not None else None
    return Snapshot(
        commit=commit,
        tree=tree,
        parent=parent,
        changed=_changed(git, parent, tree),
        untracked=tuple(sorted(path for kind, path in status if kind == "untracked")),
    )


def _status(git: Git) -> Sequence[tuple[str, str]]:
    """What stands in the way of a snapshot, and what is not in it: (unmerged | submodule | untracked, path)."""
    listing = git.raw(
        "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"
    )
    found = []
    for entry in (os.fsdecode(one) for one in listing.split(b"\0") if one):
        kind = entry[0]
        if kind == "?":
            found.append(("untracked", entry[2:]))
        elif kind == "u":
            found.append(("unmerged", entry.split(" ", 10)[10]))
        elif kind == "1":
            _, _, submodule, *_, path = entry.split(" ", 8)
            if submodule[0] == "S" and submodule[2] == "M":
                found.append(("submodule", path))
            if submodule[0] == "S" and submodule[3] == "U":
                found.append(("untracked", f"{path}/ (a submodule)"))
    return found


def _refuse_unfinished(status: Sequence[tuple[str, str]]) -> None:
    unmerged = [path for kind, path in status if kind == "unmerged"]
    if unmerged:
        raise UsageError(
            f"a merge is not finished ({_few(unmerged)}); resolve it and 'git add' the files, or name a --commit"
        )
    dirty = [path for kind, path in status if kind == "submodule"]
    if dirty:
        raise UsageError(
            f"submodule {_few(dirty)} has changes of its own, which no commit of this repository can hold; "
            "commit them inside of it, or name a --commit"
        )


def _few(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _written_tree(git: Git) -> Tree:
    """The tree of the tracked files. Every one is read: the new index knows nothing of times and sizes."""
    entries = git.raw("ls-files", "--stage", "-z")
    skipped = [one[2:] for one in git.raw("ls-files", "-t", "-z").split(b"\0") if one.startswith(b"S ")]
    absent = [path for path in skipped if not os.path.lexists(os.fsencode(git.repository) + b"/" + path)]
    with tempfile.TemporaryDirectory(prefix="dit-index-") as folder:
        own = git.with_variables(GIT_INDEX_FILE=str(Path(folder) / "index"))
        own.raw(*_PLAIN, "update-index", "-z", "--index-info", given=entries)
        if absent:  # a sparse checkout's: they are as the index says, not deleted
            listed = b"\0".join(absent) + b"\0"
            own.raw(*_PLAIN, "update-index", "--skip-worktree", "-z", "--stdin", given=listed)
        own.raw(*_PLAIN, "-c", "core.safecrlf=false", "add", "--update", "--", ":/")
        return Tree(own.text("write-tree"))


def _changed(git: Git, parent: Commit | None, tree: Tree) -> tuple[str, ...]:
    listing = (
        git.raw("diff-tree", "-r", "-z", *_WHOLE, f"{parent}^{{tree}}", tree)
        if parent is not None
        else git.raw("ls-tree", "-r", "-z", "--name-only", tree)
    )
    return tuple(sorted(os.fsdecode(path) for path in listing.split(b"\0") if path))


def keep_snapshot(git: Git, snapshot: Snapshot, pipeline: PipelineName) -> None:
    """A ref in this repository, so that git's own clean-up leaves the snapshot alone."""
    git.raw("update-ref", snapshot_ref(pipeline, snapshot.commit), snapshot.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote that a snapshot may be pushed to."""

    name: str
    url: str


def remote_of(git: Git, name: str | None) -> Remote:
    """The remote of that name; or what pushes go to, or origin. UsageError if there is none."""
    wanted = name or _text(git, "config", "--get", "remote.pushDefault") or "origin"
    url = None if wanted.startswith("-") else _text(git, "remote", "get-url", "--push", wanted)
    if not url:
        known = git.text("remote").split()
        raise UsageError(
            f"no remote {wanted!r} in {git.repository}; it has {', '.join(known) or 'none'}: give --remote NAME"
        )
    return Remote(name=wanted, url=url)


def _text(git: Git, *arguments: str) -> str | None:
    found = git.maybe(*arguments)
    return found.decode("utf-8", "replace").strip() if found is not None else None


def push_snapshot(git: Git, commit: Commit, pipeline: PipelineName, remote: Remote) -> None:
    """The snapshot's ref on the remote. UsageError if it cannot be reached or does not let us push."""
    ref = snapshot_ref(pipeline, commit)
    done = git.done(["push", "--quiet", remote.name, f"{commit}:{ref}"])
    if done.returncode != 0:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise UsageError(
            f"the snapshot could not be pushed to {remote.name}: {reason}; give --remote NAME of one that you may "
            "push to (a fork), or commit and push a branch"
        )


def drop_snapshot(git: Git, commit: Commit, pipeline: PipelineName, remote: Remote | None) -> tuple[str, ...]:
    """Remove the snapshot's ref here, and on the remote if one is given. Returns where there was one."""
    ref = snapshot_ref(pipeline, commit)
    gone = []
    if git.maybe("rev-parse", "--verify", "--quiet", ref) is not None:
        git.raw("update-ref", "-d", ref)
        gone.append("here")
    if remote is not None and git.raw("ls-remote", remote.name, ref):
        git.raw("push", "--quiet", remote.name, f":{ref}")
        gone.append(remote.name)
    return tuple(gone)


def snapshots_of(git: Git, pipeline: PipelineName, remote: Remote | None) -> tuple[Commit, ...]:
    """Every snapshot of a pipeline that is kept here or, if one is given, on the remote."""
    pattern = f"refs/dit-snapshots/{pipeline}/"
    here = git.text("for-each-ref", "--format=%(refname)", pattern).split()
    there = git.text("ls-remote", remote.name, f"{pattern}*").split()[1::2] if remote is not None else []
    return tuple(sorted({Commit(ref.rpartition("/")[2]) for ref in (*here, *there)}))
