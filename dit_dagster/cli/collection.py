"""The commands that stop and clean: gc, cancel, pin, unpin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, assert_never

import typer

from dit_dagster.errors import DitError, InfrastructureError, UsageError

if TYPE_CHECKING:
    from dit_dagster.running.cancelling import Cancellation, WasCancelled

StateArgument = Annotated[
    str, typer.Argument(metavar="STATE", help="6 digits or more of a fingerprint, or RUN_ID/MODE/INDEX")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="'dit runs' lists them")]


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and take nothing")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write what was found here, as JSON")] = None,
    experiment: Annotated[str | None, typer.Option(help="only what belongs to this experiment")] = None,
) -> None:
    """Clean up: what dead runs left behind, states that nobody used for long, files that can be built again."""
    from dit_dagster import wiring
    from dit_dagster.model.identity import ExperimentId
    from dit_dagster.running.cleaning import clean, described, look_around, sized
    from dit_dagster.running.collection import collectable, of_experiment
    from dit_dagster.settings import Settings

    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise UsageError(f"--json {json_file}: not a file in a folder that exists")
    wanted = ExperimentId(experiment) if experiment is not None else None
    premises = wiring.premises(Settings.read())
    items = collectable(look_around(premises))
    found = sized(of_experiment(items, wanted) if wanted is not None else items, premises.warehouse)
    swept = None if dry_run else clean(premises, [one.item for one in found])
    kept = swept.kept if swept is not None else ()
    told = [described(one) for one in found if one.item not in kept]
    failed = list(swept.failed) if swept is not None else []
    if json_file is not None:
        document = {"dry_run": dry_run, "bytes": _total(told), "items": told, "failed": failed}
        json_file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    _show(told, dry_run=dry_run)
    if failed:
        raise InfrastructureError(f"{len(failed)} could not be removed, the next clean-up tries again: {failed[0]}")


def _total(told: Sequence[dict[str, Any]]) -> int:
    return sum(one["bytes"] or 0 for one in told)


def _show(told: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from dit_dagster.cli.show import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("what", "name", "bytes", "why"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", overflow="fold")
    for one in told:
        table.add_row(one["kind"], Text(one["name"]), f"{one['bytes'] or 0:,}", Text(one["reason"]))
    if told:
        console().print(table)
    print(f"{len(told)} {'would go' if dry_run else 'gone'}, {_total(told):,} bytes")


def cancel(run_id: RunArgument) -> None:
    """End a run, on whichever machine it is, and wait until it has ended.

    Exit code: 0 cancelled, 3 nothing to cancel since it is over, 2 no such run, 4 could not tell.
    """
    from dit_dagster import wiring
    from dit_dagster.model.identity import RunId
    from dit_dagster.running.cancelling import cancel as cancel_run
    from dit_dagster.settings import Settings

    wanted, settings = RunId(run_id), Settings.read()
    try:
        outcome = cancel_run(wiring.premises(settings), wanted)
    except UsageError:
        raise
    except DitError as error:
        raise InfrastructureError(f"could not tell whether run {run_id} is cancelled: {error}") from error
    text, code = _said(run_id, outcome)
    print(text)
    raise typer.Exit(code)


def _said(run_id: str, outcome: Cancellation) -> tuple[str, int]:
    from dit_dagster.running.cancelling import AlreadyOver, NoSuchRun, WasCancelled

    match outcome:
        case WasCancelled(by_itself=True):
            return f"cancelled: run {run_id} ended its steps and dropped what was not committed{_ended(outcome)}", 0
        case WasCancelled():
            return f"cancelled: run {run_id} was dead; {outcome.removed} of its leftovers are gone{_ended(outcome)}", 0
        case AlreadyOver():
            return f"nothing to cancel: run {run_id} is over ({outcome.outcome})", 3
        case NoSuchRun():
            return f"nothing to cancel: no run {run_id!r} in the registry; 'dit runs' lists those there are", 2
    assert_never(outcome)


def _ended(outcome: WasCancelled) -> str:
    return f"; {outcome.jobs} of its Dataflow jobs were still active and are cancelled" if outcome.jobs else ""


def pin(state: StateArgument) -> None:
    """Keep a state, whatever its pipeline declares, until it is unpinned."""
    from dit_dagster import wiring
    from dit_dagster.running import pinning
    from dit_dagster.settings import Settings

    registry = wiring.registry(Settings.read())
    record = pinning.find_state(registry, state)
    pinning.pin(registry, record, by="user")
    print(f"pinned {record.fingerprint[:12]}: {record.pipeline} {record.mode} phase {record.index + 1}")


def unpin(state: StateArgument) -> None:
    """Let a state expire again, counted from now."""
    from dit_dagster import wiring
    from dit_dagster.running import pinning
    from dit_dagster.settings import Settings

    registry = wiring.registry(Settings.read())
    record = pinning.find_state(registry, state)
    pinning.unpin(registry, record, by="user")
    print(f"unpinned {record.fingerprint[:12]}: {record.pipeline} {record.mode} phase {record.index + 1}")
