"""`dit diff`: what a change of the code does to the data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dit_dagster.cli.files import check_writable
from dit_dagster.errors import BadDeclaration, UsageError
from dit_dagster.model.verdict import EXIT_CODES

_SHOWN_SAMPLES = 3
_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


def diff(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline; 'dit list' shows them")],
    binding: Annotated[list[str], typer.Option(metavar="NAME=REF", help="a name and a commit; twice or more")],
    modes: Annotated[str | None, typer.Option(help="modes, separated by commas; default: the pipeline's")] = None,
    start: _Day = None,
    end: _Day = None,
    tail: Annotated[int | None, typer.Option(help="T: how many days the daily runs cover at the end")] = None,
    lookback: Annotated[int | None, typer.Option(help="W: the days of one daily run")] = None,
    fail_on_diff: Annotated[bool, typer.Option("--fail-on-diff", help="a difference fails")] = False,
    experiment_id: Annotated[str | None, typer.Option(help="prefix of everything the runs make")] = None,
    jobs: Annotated[int | None, typer.Option(help="phases at a time")] = None,
    cohort: Annotated[str | None, typer.Option(help="a cohort of the declaration; default: its default_cohort")] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TABLE", help="read this table for a source; several times")
    ] = None,
    pin_source_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="read the sources as of this time, such as 2026-01-31T06:00:00Z")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(metavar="process|docker|dataflow", help="where the steps run; default: as declared")
    ] = None,
    worker_image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="a published image that the steps run; it may hold {commit}")
    ] = None,
    binding_worker_image: Annotated[
        list[str] | None, typer.Option(metavar="NAME=IMAGE", help="that of one binding; several times")
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML: the differences that are announced, by output")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the report here, as JSON")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="write it here, as one HTML file")] = None,
) -> None:
    """Run several commits on the same input, and compare the first with each of the others, mode by mode.

    A difference is reported, and fails only with --fail-on-diff.
    Exit code: 0 pass, 1 a verdict fails, 2 wrong usage, 3 inconclusive, 4 a phase or the infrastructure failed.
    """
    from dit_dagster import api
    from dit_dagster.cli.progress import watching_several
    from dit_dagster.cli.stopping import stoppable
    from dit_dagster.evidence.crossing import diff_json
    from dit_dagster.model.cohort import parse_moment, parse_tables
    from dit_dagster.model.policy_file import read_expected
    from dit_dagster.settings import Settings

    bindings = read_bindings(binding)
    images = read_images(binding_worker_image, bindings)
    shared: dict[str, Any] = {
        "pipeline": pipeline,
        "modes": modes.split(",") if modes is not None else None,
        "start": start.date() if start else None,
        "end": end.date() if end else None,
        "tail": tail,
        "lookback": lookback,
        "experiment_id": experiment_id,
        "jobs": jobs,
        "cohort": cohort,
        "tables": parse_tables(source),
        "pin_source_at": parse_moment(pin_source_at) if pin_source_at is not None else None,
        "runner": runner,
    }
    asked = api.AskedDiff(
        bindings={
            name: api.Asked(commit=ref, worker_image=images.get(name, worker_image), **shared)
            for name, ref in bindings.items()
        },
        fail_on_diff=fail_on_diff,
        expected=read_expected(expect) if expect is not None else {},
    )
    settings = Settings.read()
    api.refuse_diff_early(asked, settings)
    check_writable("--json", json_file)
    check_writable("--html", html_file)
    with stoppable() as stop, watching_several() as watcher:
        found = api.diff_prepared(asked, settings, stop=stop, watch=watcher)
    misdeclared = next((one.misdeclared for one in found.reports.values() if one.misdeclared), None)
    if misdeclared is not None:
        raise BadDeclaration(misdeclared)
    described = diff_json(found)
    if json_file is not None:
        json_file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    show_diff(described)
    if html_file is not None:
        _write_page(html_file, described)
    if stop.signal is not None:
        raise typer.Exit(128 + stop.signal)
    raise typer.Exit(EXIT_CODES[found.outcome])


def _write_page(file: Path, described: Mapping[str, Any]) -> None:
    from dit_dagster.evidence.html import diff_page
    from dit_dagster.evidence.pages import write_page

    write_page(file, diff_page(described))


def read_images(given: list[str] | None, bindings: Mapping[str, str]) -> dict[str, str]:
    """The worker image of a binding, by its name. UsageError for a binding that there is not, or that stands twice."""
    found: dict[str, str] = {}
    for each in given or []:
        name, equals, image = each.partition("=")
        if not equals or not image or name in found or name not in bindings:
            raise UsageError(
                f"--binding-worker-image {each!r}: write NAME=IMAGE, each binding once; there are {', '.join(bindings)}"
            )
        found[name] = image
    return found


def read_bindings(given: list[str]) -> dict[str, str]:
    """Names and refs, in order. UsageError for less than two, a name that stands twice, or no ref."""
    found: dict[str, str] = {}
    for each in given:
        name, equals, ref = each.partition("=")
        if not equals or not ref:
            raise UsageError(f"--binding {each!r}: write NAME=REF, such as before=main")
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,31}", name):
            raise UsageError(f"--binding {each!r}: a name is a letter, then letters, digits, - and _, at most 32")
        if name in found:
            raise UsageError(f"--binding {name!r} stands twice; give each binding a name of its own")
        found[name] = ref
    if len(found) < 2:  # there is nothing to compare one with
        raise UsageError("--binding is needed twice or more, such as --binding before=main --binding after=HEAD")
    return found


def show_diff(described: Mapping[str, Any]) -> None:
    """The bindings, the verdicts between them, and what differs."""
    from rich.text import Text

    from dit_dagster.cli.show import COLOURS, console, verdict_table
    from dit_dagster.evidence.crossing import shown_of_diff

    out = console()
    start, end = described["window"]
    out.print(f"\n[bold]{described['pipeline']}[/bold]  [{start}, {end})  experiment {described['experiment_id']}")
    for each in described["bindings"]:
        own = f"{each['executed']} executed, {each['reused']} reused; its own modes: {each['outcome'].upper()}"
        ref = f"{each['ref']} = " if each["ref"] not in (None, each["commit"]) else ""
        out.print(
            Text(
                f"  {each['name']}: {ref}{each['commit'][:12]} (tree {each['tree'][:12]})  run {each['run_id']}, {own}"
            )
        )
    out.print(verdict_table([_labelled(one) for one in described["comparisons"]]))
    show_changes(described["comparisons"])
    out.print(f"{described['expectation']}; {described['seconds']:.1f} s")
    outcome = shown_of_diff(described)
    out.print(Text(outcome.upper(), style=f"bold {COLOURS[outcome]}"))


def show_changes(comparisons: Sequence[Mapping[str, Any]]) -> None:
    """What differs between versions, or why that is not known; nothing of what is equal."""
    from rich.text import Text

    from dit_dagster.cli.show import console
    from dit_dagster.evidence.comparison import column_line, sample_line
    from dit_dagster.evidence.crossing import in_modes

    out = console()
    for modes, one in in_modes(comparisons):
        if not one["reason"] and not one["warnings"]:
            continue
        where = f"{one['output']}, {one['left']} ~ {one['right']}, in {', '.join(modes)}"
        out.print(Text(f"  {where}: {one['reason']}"))
        for column in one["columns"]:
            out.print(Text(f"    column {column_line(column)}"))
        for sample in ((one["explanation"] or {}).get("samples") or ())[:_SHOWN_SAMPLES]:
            out.print(Text(f"    {sample_line(sample)}", style="dim"))
        for warning in one["warnings"]:
            out.print(Text(f"    warning: {warning}", style="yellow"))


def _labelled(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**one, "left": f"{one['left']}.{one['mode']}", "right": f"{one['right']}.{one['mode']}"}
