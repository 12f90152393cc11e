"""Progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dit_dagster.model.experiment import Request
from dit_dagster.running.workplace import Note, Watch

_ENDS = {"committed", "reused", "failed", "blocked", "cancelled"}


@contextmanager
def watching(request: Request) -> Iterator[Watch]:
    """A watcher for one run, on stderr: stdout is for results."""
    with watching_several() as watcher:
        yield watcher(f"{request.pipeline.name} {request.commit[:12]}")


@contextmanager
def watching_several() -> Iterator[Callable[[str], Watch]]:
    """Makes watchers for runs that may go on at the same time, by title."""
    if not sys.stderr.isatty():
        yield _lines
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield lambda title: _bar(title, progress)


def _lines(title: str) -> Watch:
    """One line per event that a reader of a CI log wants; the steps' own lines go to the log files."""
    started = time.monotonic()

    def watch(note: Note) -> None:
        # While a run is planned it may still turn out to be a wrong use, which is one line.
        if note.kind in ("line", "reused") or note.text == "planning":
            return
        where = f" {note.fingerprint[:12]}" if note.fingerprint else ""
        said = f": {note.text}" if note.text and note.kind not in ("stage", "note") else ""
        what = note.text if note.kind in ("stage", "note") else note.kind
        # One write, where print makes two: runs that go on at the same time share the stream.
        sys.stderr.write(f"[{time.monotonic() - started:6.1f} s] {title}{where} {what}{said}\n")
        sys.stderr.flush()

    return watch


def _bar(title: str, progress: Progress) -> Watch:
    """A bar of the phases under way and done, and the last line that any step wrote."""
    task = progress.add_task(title, total=0, now="")
    seen: set[str] = set()

    def watch(note: Note) -> None:
        if note.fingerprint and note.fingerprint not in seen:
            seen.add(note.fingerprint)
            progress.update(task, total=len(seen))
        if note.kind in _ENDS:
            progress.advance(task)
        if note.kind in ("stage", "note", "line", "waiting"):
            progress.update(task, now=note.text[:60])
        if note.kind == "failed":
            progress.console.print(f"[red]failed[/red] {note.fingerprint and note.fingerprint[:12]}: {note.text}")

    return watch
