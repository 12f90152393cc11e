"""`dit demo`: the sample pipeline's good commit and its bugs, judged on real data."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dit_dagster.demo.expectations import Expected
    from dit_dagster.model.experiment import Request
    from dit_dagster.model.pipeline import Pipeline
    from dit_dagster.running.run import Report
    from dit_dagster.running.workplace import Workplace
    from dit_dagster.settings import Settings

app = typer.Typer(
    help="The sample pipeline, its history of bugs, and whether each is caught.", invoke_without_command=True
)

_PIPELINE = "flight_gaps"
_AT_A_TIME = 2
"""Commits: while the phases of one wait for the warehouse, the other's steps start."""
_SHOWN = (("v1", "full"), ("bug-lost-at-boundary", "brief"), ("bug-append-only", "brief"), ("bug-last-day", "brief"))


@app.callback()
def demo(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="every commit, through every mode")] = False,
    jobs: Annotated[int | None, typer.Option(help="phases at a time")] = None,
) -> None:
    """Run the good commit and three bugs (or, with --all, every commit) and check each verdict.

    Exit code 0 exactly when every verdict is the expected one, 1 when one is not.
    """
    if context.invoked_subcommand is not None:
        return
    from dit_dagster import wiring
    from dit_dagster.demo.expectations import read_expected
    from dit_dagster.settings import Settings

    started = time.monotonic()
    settings, expected = Settings.read(), read_expected()
    pipeline = wiring.find_pipeline(_PIPELINE, settings)
    shown = [(tag, "short") for tag in expected.tags] if everything else list(_SHOWN)
    ahead = Thread(target=_build_ahead, args=(pipeline, [tag for tag, _ in shown], settings), daemon=True)
    ahead.start()
    place = wiring.workplace(pipeline, settings)
    modes = tuple(pipeline.available_modes) if everything else pipeline.default_modes
    requests = {tag: _request(tag, window, modes, expected, settings, place, jobs) for tag, window in shown}
    reports = _run(requests, place)
    complaints = [
        complaint
        for tag, window in shown
        for complaint in expected.complaints(tag, window, [one.json for one in reports[tag].comparisons])
    ]
    if everything:
        complaints += _against_v1(expected, reports, place)
    _conclude(complaints, reports, time.monotonic() - started, settings)


@app.command("prepare")
def prepare() -> None:
    """Build the sample's repository: the same commits with the same ids on every machine."""
    from dit_dagster.demo import history
    from dit_dagster.settings import Settings

    built = history.prepare(Settings.read().directory / "demo")
    print(built.path)
    for tag, commit in built.commits.items():
        print(f"{commit}  {tag}")


def _build_ahead(pipeline: Pipeline, tags: Sequence[str], settings: Settings) -> None:
    """The commits' environments, while the warehouse starts. What fails here fails again, and is told, in its run."""
    from dit_dagster import wiring
    from dit_dagster.errors import DitError

    with suppress(DitError):
        wiring.prepare_environments(pipeline, tags, settings)


def _request(
    tag: str,
    window: str,
    modes: tuple[str, ...],
    expected: Expected,
    settings: Settings,
    place: Workplace,
    jobs: int | None,
) -> Request:
    from dit_dagster import api, wiring

    pipeline = wiring.find_pipeline(_PIPELINE, settings)
    days = expected.windows[window]
    asked = api.Asked(
        pipeline=_PIPELINE,
        commit=tag,
        modes=modes,
        start=days.start,
        end=days.end,
        tail=expected.tails[window],
        jobs=jobs,
    )
    return api.make_request(asked, pipeline, place, settings)


def _run(requests: Mapping[str, Request], place: Workplace) -> dict[str, Report]:
    """Run every commit, several at a time, and show each one's verdicts in order. 130 or 143 if it is stopped."""
    from dit_dagster import api
    from dit_dagster.cli.pages import keep_page
    from dit_dagster.cli.progress import watching_several
    from dit_dagster.cli.show import show_report
    from dit_dagster.cli.stopping import stoppable
    from dit_dagster.evidence.report import report_json

    reports: dict[str, Report] = {}
    with stoppable() as stop, watching_several() as watcher, ThreadPoolExecutor(_AT_A_TIME) as pool:

        def run(tag: str) -> Report:
            return api.run_prepared(requests[tag], place, watch=watcher(tag), stop=stop)

        for tag, report in zip(requests, pool.map(run, requests), strict=True):
            reports[tag] = report
            print(f"\n=== {tag}", end="")
            show_report(report_json(report))
            keep_page(report_json(report), place.reports, None)
    if stop.signal is not None:
        raise typer.Exit(128 + stop.signal)
    return reports


def _against_v1(expected: Expected, reports: dict[str, Report], place: Workplace) -> Iterator[str]:
    """The backfill of every commit against the good one's: a refactoring changes no row, a changed rule does."""
    from dit_dagster.comparing import compare_tables
    from dit_dagster.model.outcome import record_of
    from dit_dagster.model.verdict import verdict_name
    from dit_dagster.running.phase import compared_role

    def table(tag: str, output: str) -> Any:
        report = reports[tag]
        plan = report.prospect.plan
        record = record_of(report.outcomes[plan.mode("bf").leaf])
        assert record is not None  # noqa: S101  # a failed phase was complained about already
        return record.table(compared_role(output, plan.request.pipeline.outputs[output]))

    for (tag, window, output), verdict in expected.against_v1.items():
        if window != "short" or tag == "v1":
            continue
        policy = reports[tag].prospect.plan.request.pipeline.outputs[output].policy
        found = verdict_name(compare_tables(place.warehouse, table("v1", output), table(tag, output), policy))
        print(f"{tag}: {output} of bf against v1: {found}")
        if found != verdict:
            yield f"{tag}: {output} of bf against v1: expected {verdict}, found {found}"


def _conclude(complaints: list[str], reports: dict[str, Report], seconds: float, settings: Settings) -> None:
    print()
    for complaint in complaints:
        print(f"NOT AS EXPECTED: {complaint}")
    pairs = sum(len(report.comparisons) for report in reports.values())
    print(f"{len(reports)} commits, {pairs} verdicts, {len(complaints)} not as expected, in {seconds:.0f} s")
    print(f"results: dit runs, dit show RUN_ID; tables: dit local sql; logs: {settings.home}/logs; UI: make ui")
    raise typer.Exit(1 if complaints else 0)
