"""Where the code of a run came from: a commit that was named, a working tree, or a folder that is run as it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from dit_dagster.errors import InfrastructureError
from dit_dagster.model.identity import Commit, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The commit was there before. `reviewed`: the default branch holds it; None if there is no such branch.

    `untracked` are files of the working tree that are not in it, where a working tree was asked for.
    """

    reviewed: bool | None = None
    untracked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The tracked files of a working tree, as a commit without parents: equal trees are one commit.

    `parent` is what HEAD was, `changed` the paths in which they differ, `untracked` the files that are not in it.
    """

    commit: Commit
    tree: Tree
    parent: Commit | None
    changed: tuple[str, ...]
    untracked: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether HEAD holds the same tree."""
        return self.parent is not None and not self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Editable:
    """A folder that is run as it lies: it may change while it runs, so that nothing is ever reused or proved."""

    path: str


Origin = Committed | Snapshot | Editable


def origin_json(origin: Origin) -> dict[str, Any]:
    """As the registry and reports keep it."""
    match origin:
        case Committed():
            return {"kind": "commit", "reviewed": origin.reviewed, "untracked": list(origin.untracked)}
        case Snapshot():
            return {
                "kind": "snapshot",
                "commit": str(origin.commit),
                "tree": str(origin.tree),
                "parent": origin.parent and str(origin.parent),
                "reviewed": False,
                "changed": list(origin.changed),
                "untracked": list(origin.untracked),
            }
        case Editable():
            return {"kind": "editable", "path": origin.path, "reviewed": False}
    assert_never(origin)


def origin_from_json(value: Mapping[str, Any] | None) -> Origin:
    """The inverse; what older runs did not record is a commit."""
    if value is None:
        return Committed()
    match value["kind"]:
        case "commit":
            return Committed(reviewed=value["reviewed"], untracked=tuple(value["untracked"]))
        case "snapshot":
            return Snapshot(
                commit=Commit(value["commit"]),
                tree=Tree(value["tree"]),
                parent=Commit(value["parent"]) if value["parent"] else None,
                changed=tuple(value["changed"]),
                untracked=tuple(value["untracked"]),
            )
        case "editable":
            return Editable(path=value["path"])
    raise InfrastructureError(f"a run's code came from {value['kind']!r}, which this version does not know")
