"""What runs, said before it runs: on stderr, so that it is seen whatever becomes of the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import typer

from dit_dagster.model.identity import Commit
from dit_dagster.model.origin import Committed, Editable, Origin, Snapshot

_SHOWN = 20


def announce(origin: Origin, commit: Commit) -> None:
    """The changed paths of a snapshot, and every file that git does not know and that therefore does not run."""
    match origin:
        case Committed():
            _listed(origin.untracked)
        case Snapshot():
            _say(f"snapshot {commit[:12]} of the working tree; HEAD is {_short(origin.parent)}")
            for line in shown(origin.changed):
                _say(f"  changed: {line}")
            _listed(origin.untracked)
        case Editable():
            _say(f"EDITABLE: {origin.path} runs as it lies; nothing is reused, and no pass is believed", loud=True)
        case _:
            assert_never(origin)


def shown(paths: Sequence[str]) -> list[str]:
    """The first paths, and how many more there are. What no terminal should get is escaped."""
    more = [f"and {len(paths) - _SHOWN} more"] if len(paths) > _SHOWN else []
    return [_printable(path) for path in paths[:_SHOWN]] + more


def _listed(untracked: Sequence[str]) -> None:
    if untracked:
        count = f"{len(untracked)} file{'s' * (len(untracked) > 1)}"
        _say(f"NOT IN IT: {count} that git does not track; 'git add' what should run", loud=True)
        for line in shown(untracked):
            _say(f"  untracked: {line}")


def _printable(path: str) -> str:
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in path)


def _short(parent: Commit | None) -> str:
    return parent[:12] if parent is not None else "not there yet"


def _say(text: str, *, loud: bool = False) -> None:
    typer.secho(f"dit: {text}", err=True, fg=typer.colors.YELLOW if loud else None, bold=loud)
