"""`dit compare`: the verdict on any two tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dit_dagster.cli.files import check_writable
from dit_dagster.model.verdict import EXIT_CODES, judged

_SHOWN_SAMPLES = 10
TableArgument = Annotated[str, typer.Argument(help="dataset.table, or project.dataset.table")]


def compare(
    left: TableArgument,
    right: TableArgument,
    keys: Annotated[str | None, typer.Option(help="columns that pair rows, separated by commas")] = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML: what equal means")] = None,
    where: Annotated[str | None, typer.Option(metavar="SQL", help="a condition on the rows of both sides")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="group rows themselves, not their hashes")] = False,
    max_bytes: Annotated[int | None, typer.Option(min=0, help="refuse if more bytes might be read")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the comparison here, as JSON")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="write it here, as one HTML file")] = None,
) -> None:
    """Compare any two tables, and explain what differs. No key is needed for the verdict.

    Exit code: 0 pass, 1 they differ, 2 wrong usage (nothing was read), 3 inconclusive, 4 the comparison failed.
    """
    from dit_dagster import api
    from dit_dagster.evidence.comparison import compared_json
    from dit_dagster.model.policy_file import read_policy

    check_writable("--json", json_file)
    check_writable("--html", html_file)
    verdict = api.compare(
        left,
        right,
        policy=read_policy(policy) if policy is not None else None,
        keys=[name.strip() for name in keys.split(",")] if keys is not None else (),
        where=where,
        exact=exact,
        max_bytes=max_bytes,
    )
    described = compared_json(verdict)
    if json_file is not None:
        json_file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    show_comparison(described)
    if html_file is not None:
        from dit_dagster.evidence.html import comparison_page
        from dit_dagster.evidence.pages import write_page

        write_page(html_file, comparison_page(described))
    raise typer.Exit(EXIT_CODES[judged(verdict)])


def show_comparison(described: Mapping[str, Any]) -> None:
    """The verdict and its reason; the columns with their deltas; samples; what it cost."""
    from rich.text import Text

    from dit_dagster.cli.show import COLOURS, console, verdict_table
    from dit_dagster.evidence.comparison import sample_line

    out = console()
    out.print(verdict_table([{**described, "output": ""}]))
    if described["reason"]:
        out.print(Text(f"  {described['reason']}"))
    for warning in described["warnings"]:
        out.print(Text(f"  warning: {warning}", style="yellow"))
    if described["columns"]:
        out.print(_columns(described))
    samples = (described["explanation"] or {}).get("samples", ())
    for sample in samples[:_SHOWN_SAMPLES]:
        out.print(Text(f"  {sample_line(sample)}", style="dim"))
    cost = described["cost"]
    out.print(
        f"{cost['statements']} statements, {cost['bytes_estimated']:,} bytes estimated, "
        f"{cost['bytes_billed']:,} billed, {cost['seconds']:.1f} s"
    )
    out.print(Text(described["outcome"].upper(), style=f"bold {COLOURS[described['outcome']]}"))


def _columns(described: Mapping[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("column", "differ", "within tolerance", "against NULL", "max", "mean", "relative", "unit"):
        table.add_column(heading, no_wrap=True)
    for each in described["columns"]:
        counts = [f"{each[name]:,}" for name in ("mismatches", "within_tolerance", "null_on_one_side")]
        deltas = ["" if each[of] is None else f"{each[of]:.6g}" for of in ("max_abs", "mean_abs", "max_rel")]
        table.add_row(*(Text(cell) for cell in (each["name"], *counts, *deltas, each["unit"] or "")))
    return table
