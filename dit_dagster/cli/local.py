"""`dit local`: the Google Cloud on this machine."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from dit_dagster.errors import UsageError

app = typer.Typer(
    help="The Google Cloud on this machine: BigQuery, Cloud Storage and tokens, without an account.",
    no_args_is_help=True,
)


def _home() -> Path:
    from dit_dagster.settings import Settings

    return Settings.read().directory / "local"


@app.command("up")
def up(
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 0,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
    storage_port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
) -> None:
    """Start it, unless it runs already, and wait until it answers."""
    from dit_dagster.adapters import local_gcp

    cloud = local_gcp.up(_home(), ports=local_gcp.Ports(rest=rest_port, grpc=grpc_port, storage=storage_port))
    print(f"BigQuery {cloud.rest}  storage API {cloud.grpc}  Cloud Storage {cloud.storage}  project {cloud.project}")


@app.command("down")
def down() -> None:
    """Stop it. What it holds stays."""
    from dit_dagster.adapters import local_gcp

    print("stopped" if local_gcp.down(_home()) else "it was not running")


@app.command("status")
def status(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say whether it runs, and where. Exit code 0 if it does, 3 if it is stopped, 4 if it is broken."""
    from dit_dagster.adapters import local_gcp

    found = local_gcp.status(_home())
    match found:
        case local_gcp.Running(cloud=cloud):
            addresses = {"rest": cloud.rest, "grpc": cloud.grpc, "storage": cloud.storage, "project": cloud.project}
            described, code = {"state": "running", "pid": str(cloud.pid), **addresses}, 0
        case local_gcp.Stopped():
            described, code = {"state": "stopped", "remedy": "dit local up"}, 3
        case local_gcp.Broken(reason=reason):
            described, code = {"state": "broken", "reason": reason, "remedy": "dit local down, then dit local up"}, 4
    print(json.dumps(described) if as_json else "  ".join(f"{name} {value}" for name, value in described.items()))
    raise typer.Exit(code)


@app.command("env")
def env() -> None:
    """Print what a pipeline's process needs, for `eval "$(dit local env)"`."""
    from dit_dagster.adapters import local_gcp
    from dit_dagster.settings import whole_environment

    for name, value in local_gcp.up(_home()).environment(whole_environment()).items():
        print(f"export {name}={shlex.quote(value)}")


@app.command("sql")
def sql(
    statement: Annotated[str, typer.Argument(help="GoogleSQL; - reads standard input")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per row")] = False,
) -> None:
    """Run a statement and print its rows."""
    import sys

    from rich.table import Table
    from rich.text import Text

    from dit_dagster import wiring
    from dit_dagster.cli.show import console
    from dit_dagster.ports import Statement
    from dit_dagster.settings import Settings

    text = sys.stdin.read() if statement == "-" else statement
    if not text.strip():
        raise UsageError("the statement is empty")
    settings = Settings.read().model_copy(update={"warehouse": "local"})
    answer = wiring.surroundings(settings).warehouse.query(Statement(sql=text))
    if as_json:
        for row in answer.rows:
            print(json.dumps(dict(row), default=str))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in answer.rows[0] if answer.rows else ():
        table.add_column(heading)
    for row in answer.rows:
        table.add_row(*(Text("NULL" if value is None else str(value)) for value in row.values()))
    if answer.rows:
        console().print(table)
    changed = f", {answer.affected} changed" if answer.affected is not None else ""
    print(
        f"{len(answer.rows)} rows{changed}, {answer.bytes_processed:,} bytes, {answer.seconds:.2f} s", file=sys.stderr
    )
