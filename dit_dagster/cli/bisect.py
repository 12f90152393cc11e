"""`dit bisect`: the first commit at which a verdict turns, or a column."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dit_dagster.cli.files import check_writable
from dit_dagster.errors import UsageError
from dit_dagster.model.verdict import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from dit_dagster.running.bisecting import Look

_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


def bisect(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline; 'dit list' shows them")],
    good: Annotated[str, typer.Option(metavar="REF", help="a commit at which all was well")],
    bad: Annotated[str, typer.Option(metavar="REF", help="one that builds on it, at which it is not")],
    pair: Annotated[str | None, typer.Option(metavar="LEFT,RIGHT", help="two modes, such as bf,bfd")] = None,
    column: Annotated[str | None, typer.Option(help="a column that differs from the good commit's")] = None,
    output: Annotated[str | None, typer.Option(help="of this output; default: of any")] = None,
    mode: Annotated[str | None, typer.Option(help="with --column: in this mode; default: the reference")] = None,
    start: _Day = None,
    end: _Day = None,
    tail: Annotated[int | None, typer.Option(help="T: how many days the daily runs cover at the end")] = None,
    lookback: Annotated[int | None, typer.Option(help="W: the days of one daily run")] = None,
    cohort: Annotated[str | None, typer.Option(help="a cohort of the declaration; default: its default_cohort")] = None,
    runner: Annotated[
        str | None, typer.Option(metavar="process|docker|dataflow", help="where the steps run; default: as declared")
    ] = None,
    worker_image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="a published image that the steps run; it may hold {commit}")
    ] = None,
    experiment_id: Annotated[str | None, typer.Option(help="prefix of everything the runs make")] = None,
    jobs: Annotated[int | None, typer.Option(help="phases at a time")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write what was seen here, as JSON")] = None,
) -> None:
    """Find the first commit at which the verdict on two modes fails, or a column differs from the good commit's.

    Halves what lies between, over merges too. What the registry knows is not run again.
    Exit code: 0 found, 2 wrong usage, 3 not found: an end is not what it was said to be, or commits cannot be judged.
    """
    from dit_dagster import api
    from dit_dagster.cli.progress import watching_several
    from dit_dagster.cli.stopping import stoppable
    from dit_dagster.evidence.bisection import bisection_json
    from dit_dagster.planning.bisection import Found

    modes = read_pair(pair)
    check_writable("--json", json_file)
    with stoppable() as stop, watching_several() as watcher:
        found = api.bisect(
            pipeline,
            good=good,
            bad=bad,
            pair=modes,
            column=column,
            output=output,
            mode=mode,
            stop=stop,
            watch=watcher,
            told=_tell,
            start=start.date() if start else None,
            end=end.date() if end else None,
            tail=tail,
            lookback=lookback,
            cohort=cohort,
            runner=runner,
            worker_image=worker_image,
            experiment_id=experiment_id,
            jobs=jobs,
        )
    described = bisection_json(pipeline, found)
    if json_file is not None:
        json_file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    print(f"{len(found.looks)} commits looked at, {found.experiments} experiments")
    if isinstance(found.answer, Found):
        last = next(look for look in found.looks if look.commit == found.answer.commit)
        print(f"first bad commit: {last.commit}  {last.subject}")
        print(f"  {last.verdict}: {last.reason}; 'dit show {last.run_id}' shows more")
    else:
        print(f"not found: {described['reason']}")
        for commit in described["suspects"]:
            print(f"  suspect: {commit}")
    if stop.signal is not None:
        raise typer.Exit(128 + stop.signal)
    raise typer.Exit(EXIT_CODES[Outcome.PASS if isinstance(found.answer, Found) else Outcome.INCONCLUSIVE])


def read_pair(text: str | None) -> tuple[str, str] | None:
    """Two modes. UsageError for more or less."""
    if text is None:
        return None
    match [part.strip() for part in text.split(",")]:
        case [left, right] if left and right:
            return left, right
    raise UsageError(f"--pair {text!r}: write two modes, such as bf,bfd")


def _tell(look: Look, left: int) -> None:
    ran = f"{look.executed} phases ran" if look.executed else "known"
    typer.echo(
        f"dit: {look.commit[:12]} {look.turn.value.upper()} ({look.verdict}, {ran}), {left} left: {look.subject}",
        err=True,
    )
