"""The commands about golden states: set, list, unset."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dit_dagster.model.golden import Golden

app = typer.Typer(help="States that later commits are compared with.", no_args_is_help=True)

_Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline; 'dit list' shows them")]
_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


@app.command("set")
def set_(
    pipeline: _Pipeline,
    commit: Annotated[
        str | None, typer.Option(metavar="REF", help="a branch, a tag, or a commit id; default: the working tree")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="whose final state; default: the pipeline's reference")] = None,
    start: _Day = None,
    end: _Day = None,
) -> None:
    """Keep what a mode of a commit has come to, and what it read, to compare later commits with. Nothing is run."""
    from dit_dagster import api

    golden = api.set_golden(
        pipeline,
        commit=commit,
        mode=mode,
        start=start.date() if start is not None else None,
        end=end.date() if end is not None else None,
    )
    print(f"golden: {pipeline} {golden.mode} at {golden.record.commit[:12]}, {golden.window}")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """List the golden state of every pipeline that has one."""
    from dit_dagster import wiring
    from dit_dagster.running.goldens import all_goldens
    from dit_dagster.settings import Settings

    found = {name: _told(one) for name, one in all_goldens(wiring.registry(Settings.read())).items()}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, one in found.items():
        print(f"{name}  {one['mode']} at {one['commit'][:12]}  [{one['window'][0]}, {one['window'][1]})")
    if not found:
        print("no golden state is set; 'dit golden set PIPELINE --commit REF' sets one")


@app.command("unset")
def unset(pipeline: _Pipeline) -> None:
    """Take it back; the state expires again, counted from now."""
    from dit_dagster import wiring
    from dit_dagster.running.goldens import unset_golden
    from dit_dagster.settings import Settings

    settings = Settings.read()
    around = wiring.surroundings(settings)
    golden = unset_golden(wiring.registry(settings, around), around.warehouse, pipeline)
    print(f"no longer golden: {pipeline} {golden.mode} at {golden.record.commit[:12]}")


def _told(golden: Golden) -> dict[str, Any]:
    return {
        "commit": golden.record.commit,
        "mode": golden.mode,
        "window": [golden.window.start.isoformat(), golden.window.end.isoformat()],
        "fingerprint": str(golden.record.fingerprint),
        "run_id": golden.record.run_id,
        "sources": golden.record.inputs.get("sources", {}),
        "kept": {name: str(one.table) for name, one in golden.kept.items()},
    }
