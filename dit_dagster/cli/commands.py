"""The commands about pipelines and runs."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dit_dagster.cli import (
    attach,
    bisect,
    ci,
    cloud,
    collection,
    compare,
    contract,
    costs,
    demo,
    diff,
    doctor,
    local,
    snapshot,
)
from dit_dagster.cli import golden as goldens
from dit_dagster.cli.files import CiFiles, check_writable
from dit_dagster.errors import BadDeclaration, UnknownName
from dit_dagster.model.verdict import EXIT_CODES

if TYPE_CHECKING:
    from dit_dagster.api import Asked

app = typer.Typer(
    help="Did my change break the data? Runs a pipeline at a commit in several trigger patterns and compares.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(local.app, name="local")
app.add_typer(demo.app, name="demo")
app.add_typer(goldens.app, name="golden")
app.add_typer(cloud.app, name="cloud")
app.command("doctor")(doctor.doctor)
app.command("gc")(collection.gc)
app.command("attach")(attach.attach)
app.command("cancel")(collection.cancel)
app.command("cache-cancel")(collection.cancel)
app.command("pin")(collection.pin)
app.command("unpin")(collection.unpin)
app.command("compare")(compare.compare)
app.command("diff")(diff.diff)
app.command("bisect")(bisect.bisect)
app.command("contract")(contract.contract)
app.command("costs")(costs.costs)
app.command("snapshot")(snapshot.snapshot)
app.command("ci")(ci.ci)

_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
PipelineArgument = Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline; 'dit list' shows them")]
CommitOption = Annotated[
    str | None,
    typer.Option(metavar="REF", help="branch, tag, id, pull request's number or snapshot; default: the working tree"),
]
CleanOption = Annotated[bool, typer.Option("--require-clean", help="refuse a working tree that differs from HEAD")]
ModesOption = Annotated[str | None, typer.Option(help="modes, separated by commas; default: the pipeline's")]
TailOption = Annotated[int | None, typer.Option(help="T: how many days the daily runs cover at the end")]
LookbackOption = Annotated[int | None, typer.Option(help="W: the days of one daily run")]
ResumeOption = Annotated[
    str, typer.Option(metavar="never|if-possible|always", help="reuse nothing, what there is, or fail without it")
]
FromPhaseOption = Annotated[
    str | None, typer.Option(metavar="MODE:N", help="run this phase and all that stands on it, whatever is known")
]
CohortOption = Annotated[str | None, typer.Option(help="a cohort of the declaration; default: its default_cohort")]
SourceOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=TABLE", help="read this table for a source; several times")
]
PinOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="read the sources as of this time, such as 2026-01-31T06:00:00Z")
]
RunnerOption = Annotated[
    str | None, typer.Option(metavar="process|docker|dataflow", help="where the steps run; default: as declared")
]
WorkerImageOption = Annotated[
    str | None, typer.Option(metavar="IMAGE", help="a published image that the steps run, instead of the declared one")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="write the report here, as JSON")]
JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="write the report here, as one HTML file")]


def _asked(
    pipeline: str,
    *,
    modes: str | None,
    start: datetime | None,
    end: datetime | None,
    source: list[str] | None,
    pin_source_at: str | None,
    **more: Any,
) -> Asked:
    """What was asked for, parsed. `more` are fields of Asked as they are."""
    from dit_dagster.api import Asked
    from dit_dagster.model.cohort import parse_moment, parse_tables

    return Asked(
        pipeline=pipeline,
        modes=modes.split(",") if modes is not None else None,
        start=_day(start),
        end=_day(end),
        tables=parse_tables(source),
        pin_source_at=parse_moment(pin_source_at) if pin_source_at is not None else None,
        **more,
    )


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment is not None else None


@app.command("run")
def run(
    pipeline: PipelineArgument,
    commit: CommitOption = None,
    modes: ModesOption = None,
    start: _Day = None,
    end: _Day = None,
    tail: TailOption = None,
    lookback: LookbackOption = None,
    experiment_id: Annotated[str | None, typer.Option(help="prefix of everything the run makes")] = None,
    jobs: Annotated[int | None, typer.Option(help="phases at a time")] = None,
    force: Annotated[bool, typer.Option("--force", help="run every phase, whatever is known")] = False,
    resume: ResumeOption = "if-possible",
    from_phase: FromPhaseOption = None,
    golden: Annotated[
        bool | None, typer.Option("--golden/--no-golden", help="compare with the golden state; default: as declared")
    ] = None,
    golden_sources: Annotated[
        bool, typer.Option("--golden-sources", help="read what the golden state read, and compare with it")
    ] = False,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="tell what changes against this commit, as far as it is known")
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="refuse to run if the phases are expected to read more")
    ] = None,
    like: Annotated[str | None, typer.Option(metavar="RUN_ID", help="repeat a recorded run")] = None,
    require_clean: CleanOption = False,
    cohort: CohortOption = None,
    source: SourceOption = None,
    pin_source_at: PinOption = None,
    runner: RunnerOption = None,
    worker_image: WorkerImageOption = None,
    editable: Annotated[
        Path | None, typer.Option(help="run this folder as it lies; nothing is reused, and nothing proved")
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="write the verdicts here, as JUnit XML")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="write a summary here")] = None,
) -> None:
    """Run a pipeline's modes at a commit and judge them.

    Exit code: 0 pass, 1 a verdict fails, 2 wrong usage, 3 inconclusive, 4 a phase or the infrastructure failed.
    """
    from dit_dagster import api, wiring
    from dit_dagster.cli.origin import announce
    from dit_dagster.cli.pages import keep_page
    from dit_dagster.cli.progress import watching
    from dit_dagster.cli.show import show_report
    from dit_dagster.cli.stopping import stoppable
    from dit_dagster.evidence.report import report_json
    from dit_dagster.settings import Settings

    asked = _asked(
        pipeline,
        commit=commit,
        modes=modes,
        start=start,
        end=end,
        tail=tail,
        lookback=lookback,
        experiment_id=experiment_id,
        jobs=jobs,
        force=force,
        resume=resume,
        from_phase=from_phase,
        golden=golden,
        golden_sources=golden_sources,
        against=against,
        max_bytes=max_bytes,
        require_clean=require_clean,
        editable=editable,
        cohort=cohort,
        source=source,
        pin_source_at=pin_source_at,
        runner=runner,
        worker_image=worker_image,
    )
    settings = Settings.read()
    declared = api.declared_pipeline(asked, settings)
    if like is None:
        api.refuse_early(asked, declared, wiring.source_control(declared, settings, editable=editable))
    check_writable("--json", json_file)
    check_writable("--html", html_file)
    files = CiFiles.checked(junit_file, markdown_file)
    place = wiring.workplace(declared, settings, editable=editable)
    request = (
        api.recorded_request(like, place, declared, asked, settings)
        if like is not None
        else api.make_request(asked, declared, place, settings)
    )
    announce(request.origin, request.commit)
    with stoppable() as stop, watching(request) as watch:
        report = api.run_prepared(request, place, watch=watch, stop=stop)
    if report.misdeclared is not None:
        raise BadDeclaration(report.misdeclared)
    described = report_json(report)
    if json_file is not None:
        json_file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    files.write(described, settings.link(described["run_id"]))
    show_report(described)
    keep_page(described, place.reports, html_file)
    if report.signal is not None:
        raise typer.Exit(128 + report.signal)
    raise typer.Exit(EXIT_CODES[report.outcome])


@cloud.app.command("run")
def cloud_run(
    pipeline: PipelineArgument,
    commit: CommitOption = None,
    modes: ModesOption = None,
    start: _Day = None,
    end: _Day = None,
    tail: TailOption = None,
    lookback: LookbackOption = None,
    experiment_id: Annotated[str | None, typer.Option(help="prefix of everything the run makes")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="phases at a time")] = None,
    force: Annotated[bool, typer.Option("--force", help="run every phase, whatever is known")] = False,
    resume: ResumeOption = "if-possible",
    from_phase: FromPhaseOption = None,
    golden: Annotated[
        bool | None, typer.Option("--golden/--no-golden", help="compare with the golden state; default: as declared")
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=0, help="refuse to run if the phases are expected to read more")
    ] = None,
    require_clean: CleanOption = False,
    cohort: CohortOption = None,
    source: SourceOption = None,
    pin_source_at: PinOption = None,
    runner: RunnerOption = None,
    worker_image: WorkerImageOption = None,
    golden_sources: Annotated[
        bool, typer.Option("--golden-sources", help="read what the golden state read, and compare with it")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="follow the build, and end as the run ends")] = False,
) -> None:
    """Submit a run to Cloud Build and print the build's id.

    The commit's files, scanned for secrets, are its source. With --wait, Ctrl-C and SIGTERM cancel the build.
    """
    asked = _asked(
        pipeline,
        commit=commit,
        modes=modes,
        start=start,
        end=end,
        tail=tail,
        lookback=lookback,
        experiment_id=experiment_id,
        jobs=jobs,
        force=force,
        resume=resume,
        from_phase=from_phase,
        golden=golden,
        max_bytes=max_bytes,
        require_clean=require_clean,
        cohort=cohort,
        source=source,
        pin_source_at=pin_source_at,
        runner=runner,
        worker_image=worker_image,
        golden_sources=golden_sources,
    )
    cloud.submit(asked, wait=wait)


@app.command("plan")
def plan(
    pipeline: PipelineArgument,
    commit: CommitOption = None,
    modes: ModesOption = None,
    start: _Day = None,
    end: _Day = None,
    tail: TailOption = None,
    lookback: LookbackOption = None,
    cohort: CohortOption = None,
    source: SourceOption = None,
    pin_source_at: PinOption = None,
    runner: RunnerOption = None,
    worker_image: WorkerImageOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the phases of a run and the pairs that it would compare."""
    asked = _asked(
        pipeline,
        commit=commit,
        modes=modes,
        start=start,
        end=end,
        tail=tail,
        lookback=lookback,
        cohort=cohort,
        source=source,
        pin_source_at=pin_source_at,
        runner=runner,
        worker_image=worker_image,
    )
    _look_ahead(asked, as_json, decisions=False)


@app.command("explain")
def explain(
    pipeline: PipelineArgument,
    commit: CommitOption = None,
    modes: ModesOption = None,
    start: _Day = None,
    end: _Day = None,
    tail: TailOption = None,
    lookback: LookbackOption = None,
    force: Annotated[bool, typer.Option("--force", help="as for run")] = False,
    resume: ResumeOption = "if-possible",
    from_phase: FromPhaseOption = None,
    cohort: CohortOption = None,
    source: SourceOption = None,
    pin_source_at: PinOption = None,
    runner: RunnerOption = None,
    worker_image: WorkerImageOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say, phase by phase, what a run would execute and reuse, and why. Nothing is written."""
    asked = _asked(
        pipeline,
        commit=commit,
        modes=modes,
        start=start,
        end=end,
        tail=tail,
        lookback=lookback,
        force=force,
        resume=resume,
        from_phase=from_phase,
        cohort=cohort,
        source=source,
        pin_source_at=pin_source_at,
        runner=runner,
        worker_image=worker_image,
    )
    _look_ahead(asked, as_json, decisions=True)


def _look_ahead(asked: Asked, as_json: bool, *, decisions: bool) -> None:
    from dataclasses import fields

    from dit_dagster import api
    from dit_dagster.cli.show import show_prospect
    from dit_dagster.evidence.report import prospect_json

    options = {one.name: getattr(asked, one.name) for one in fields(asked) if one.name != "pipeline"}
    described = prospect_json(api.explain(asked.pipeline, **options))
    if not decisions:
        described = _without_decisions(described)
    if as_json:
        print(json.dumps(described, indent=2))
    else:
        show_prospect(described, decisions=decisions)


def _without_decisions(described: dict[str, Any]) -> dict[str, Any]:
    """A plan does not depend on what is known: leave out what does."""
    for mode in described["modes"]:
        for phase in mode["phases"]:
            for name in ("decision", "reasons", "estimate"):
                phase.pop(name, None)
    for totals in (described["invocations"], described["source_days"]):
        for name in ("to_execute", "to_reuse"):
            totals.pop(name, None)
    return described


@app.command("runs")
def runs(
    pipeline: Annotated[str | None, typer.Argument(metavar="[PIPELINE]")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the latest runs in the registry, whoever ran them."""
    from dit_dagster import wiring
    from dit_dagster.cli.show import show_runs
    from dit_dagster.evidence.history import recorded_runs
    from dit_dagster.settings import Settings

    settings = Settings.read()
    if pipeline is not None:
        wiring.find_pipeline(pipeline, settings)
    found = recorded_runs(wiring.registry(settings), pipeline, limit)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show_runs(found)


@app.command("show")
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    as_json: JsonFlag = False,
    html_file: HtmlFile = None,
) -> None:
    """Show a recorded run's report again, wherever it ran."""
    from dit_dagster import wiring
    from dit_dagster.cli.show import show_report
    from dit_dagster.evidence.html import run_page
    from dit_dagster.evidence.pages import write_page
    from dit_dagster.model.identity import RunId
    from dit_dagster.settings import Settings

    check_writable("--html", html_file)
    events = wiring.registry(Settings.read()).of_run(RunId(run_id))
    finished = next((event for event in events if event.kind == "run_finished"), None)
    if finished is None:
        raise UnknownName(
            f"run {run_id!r} has not finished; 'dit logs {run_id}' shows what it wrote"
            if events
            else f"no run {run_id!r} in the registry; 'dit runs' lists those there are"
        )
    if as_json:
        print(json.dumps(finished.payload, indent=2))
    elif html_file is None:
        show_report(finished.payload)
    if html_file is not None:
        write_page(html_file, run_page(finished.payload))


@app.command("logs")
def logs(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    phase: Annotated[int | None, typer.Option(min=1, help="only the log of this phase of the plan")] = None,
) -> None:
    """Print what the steps of a run wrote on this machine."""
    from dit_dagster.model.identity import RunId
    from dit_dagster.settings import Settings

    folder = Settings.read().directory / "logs" / RunId(run_id)
    files = sorted(folder.glob("*.log"))
    if phase is not None:
        files = [file for file in files if int(file.name.split("-")[0]) == phase]
    if not files:
        raise UnknownName(
            f"no log of run {run_id}{f', phase {phase},' if phase else ''} on this machine; "
            "a reused phase has its log with the run that executed it ('dit show')"
        )
    for file in files:
        print(f"==> {file.stem}")
        print(file.read_text(encoding="utf-8", errors="replace"), end="")


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List the declared pipelines, their modes and the commits their repositories know."""
    from dit_dagster.cli.catalogue import catalogue, show_catalogue
    from dit_dagster.settings import Settings

    found = catalogue(Settings.read())
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show_catalogue(found)
