"""`dit contract`: does a program keep what it must promise before its data can be judged?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dit_dagster.cli.files import check_writable
from dit_dagster.errors import UsageError

_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
_COLOURS = {"kept": "green", "broken": "red", "not checked": "yellow"}
_BROKEN = 1


def contract(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="without one: what was found of all")
    ] = None,
    commit: Annotated[str, typer.Option(help="a branch, a tag, or a full or short commit id")] = "HEAD",
    start: _Day = None,
    end: _Day = None,
    experiment_id: Annotated[str, typer.Option(help="prefix of everything the trials make")] = "contract",
    jobs: Annotated[int | None, typer.Option(help="phases at a time")] = None,
    runner: Annotated[
        str | None, typer.Option(metavar="process|docker|dataflow", help="where the steps run; default: as declared")
    ] = None,
    worker_image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="a published image that the steps run")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="run every trial, whatever is known")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the findings here, as JSON")] = None,
) -> None:
    """Check a program's promises by running it in trials, or show the matrix of all pipelines as Markdown.

    Exit code: 0 nothing is broken, 1 a promise is broken, 2 wrong usage, 4 the infrastructure failed.
    """
    check_writable("--json", json_file)
    if pipeline is None:
        _show_adoption(json_file)
        return
    from dit_dagster import api
    from dit_dagster.cli.progress import watching_several
    from dit_dagster.cli.stopping import stoppable

    with stoppable() as stop, watching_several() as watcher:
        report = api.contract(
            pipeline,
            commit=commit,
            start=start.date() if start else None,
            end=end.date() if end else None,
            experiment_id=experiment_id,
            jobs=jobs,
            runner=runner,
            worker_image=worker_image,
            force=force,
            watch=watcher(pipeline),
            stop=stop,
        )
    described = report.to_json()
    if json_file is not None:
        json_file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    _show(described)
    raise typer.Exit(_BROKEN if report.broken else 0)


def _show(described: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from dit_dagster.cli.show import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "promise", "finding", "because"):
        table.add_column(heading)
    for one in described["promises"]:
        finding = Text(one["finding"], style=_COLOURS[one["finding"]])
        table.add_row(str(one["number"]), one["text"], finding, Text(one["because"]))
    start, end = described["window"]
    console().print(f"\n[bold]{described['pipeline']}[/bold] {described['commit'][:12]}  [{start}, {end})")
    console().print(table)
    counts = {state: sum(one["finding"] == state for one in described["promises"]) for state in _COLOURS}
    print(", ".join(f"{count} {state}" for state, count in counts.items()), f"in {described['seconds']:.0f} s")


def _show_adoption(json_file: Path | None) -> None:
    from dit_dagster import wiring
    from dit_dagster.evidence.contract import adoption, adoption_matrix
    from dit_dagster.settings import Settings

    settings = Settings.read()
    rows = adoption(wiring.registry(settings), sorted(wiring.declarations(settings)))
    if not rows:
        raise UsageError("no pipeline is declared; DIT_PIPELINES names the folder that holds them")
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(adoption_matrix(rows), end="")
