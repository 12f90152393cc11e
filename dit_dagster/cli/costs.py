"""The command that says what runs have cost."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dit_dagster.cli.files import check_writable
from dit_dagster.errors import UsageError

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def costs(
    pipeline: Annotated[str | None, typer.Argument(metavar="[PIPELINE]")] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="only this month, UTC")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the totals here, as JSON")] = None,
) -> None:
    """Bytes billed and slot time per pipeline and month, whoever ran it."""
    from dit_dagster import wiring
    from dit_dagster.evidence.costs import costs as totals
    from dit_dagster.settings import Settings

    if month is not None and not _MONTH.fullmatch(month):
        raise UsageError(f"--month {month}: write YYYY-MM")
    check_writable("--json", json_file)
    settings = Settings.read()
    if pipeline is not None:
        wiring.find_pipeline(pipeline, settings)
    found = totals(wiring.registry(settings), pipeline, month)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    _show(found)


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    from dit_dagster.cli.show import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("pipeline", "month", "runs", "phases", "bytes billed", "slot hours", "bytes of verdicts"):
        table.add_column(heading, justify="left" if heading in ("pipeline", "month") else "right")
    for one in found:
        table.add_row(
            one["pipeline"],
            one["month"],
            str(one["runs"]),
            str(one["phases"]),
            f"{one['bytes_billed']:,}",
            f"{one['slot_ms'] / 3_600_000:.2f}",
            f"{one['comparing_bytes_billed']:,}",
        )
    console().print(table if found else "no cost is recorded yet")
