"""`dit ci`: the one command of a CI job. It executes the Dagster job of a commit, and ends with the verdict."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dit_dagster.cli.files import CiFiles, check_writable
from dit_dagster.errors import BoardError, InfrastructureError
from dit_dagster.model.verdict import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from dit_dagster.model.identity import Commit
    from dit_dagster.model.notice import Notice
    from dit_dagster.model.pipeline import Pipeline
    from dit_dagster.running.orchestrator import Stop
    from dit_dagster.settings import Settings

_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
_POLL_SECONDS = 0.1
_STDERR = 2  # what the job says is progress; results are ours
_INSTANCE = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the job's process ended. `error` says why there may be no report; `refused`: nothing was done."""

    run_id: str = ""
    success: bool = False
    error: str = ""
    refused: bool = False


def ci(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline; 'dit list' shows them")],
    commit: Annotated[str, typer.Option(metavar="REF", help="branch, tag, id or pull request's number")] = "HEAD",
    all_modes: Annotated[bool, typer.Option("--all-modes", help="every mode, not only the default ones")] = False,
    start: _Day = None,
    end: _Day = None,
    tail: Annotated[int | None, typer.Option(help="T: how many days the daily runs cover at the end")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="tell what changes against this commit, as far as it is known")
    ] = None,
    pull: Annotated[int | None, typer.Option(min=1, help="show the verdict on this pull request")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="write the verdicts here, as JUnit XML")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="write a summary here")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the report here, as JSON")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="write the report here, as one HTML file")] = None,
) -> None:
    """Judge a commit in CI: register it with Dagster, execute the job, write files, end with the verdict.

    Exit code: 0 pass, 1 a verdict fails, 2 wrong usage, 3 inconclusive, 4 a phase or the infrastructure failed.
    """
    from dit_dagster import api, wiring
    from dit_dagster.cli.stopping import stoppable
    from dit_dagster.evidence import notices
    from dit_dagster.settings import Settings

    settings = Settings.read()
    declared = wiring.find_pipeline(pipeline, settings)
    check_writable("--json", json_file)
    check_writable("--html", html_file)
    files = CiFiles.checked(junit_file, markdown_file)
    code = wiring.source_control(declared, settings)
    modes = list(declared.available_modes) if all_modes else None
    first, after = (moment.date() if moment is not None else None for moment in (start, end))
    asked = api.Asked(pipeline=pipeline, commit=commit, modes=modes, start=first, end=after, tail=tail, against=against)
    api.refuse_early(asked, declared, code)
    full = code.resolve(commit)
    config = {"start": first and first.isoformat(), "end": after and after.isoformat(), "tail": tail}
    config |= {"against": str(code.resolve(against)) if against is not None else None}
    with stoppable() as stop:
        ended = _execute(declared, full, settings, config, all_modes=all_modes, stop=stop)
    report = _report(ended, settings)
    link = settings.link(ended.run_id) if ended.run_id else None
    if report is None or (report["outcome"] == Outcome.PASS and not ended.success):
        why = ended.error or "the job's process ended without a word; its log is above"
        files.write_failure(declared.name, full, why, link)
        _show(declared, pull, notices.of_failure(declared.name, full, why, link), settings)
        _end_without_verdict(why, ended, stop.signal)
    files.write(report, link)
    _tell(report, settings, json_file, html_file)
    _show(declared, pull, notices.of_report(report, link), settings)
    _end(report, stop.signal)


def _execute(
    declared: Pipeline, commit: Commit, settings: Settings, config: Mapping[str, Any], *, all_modes: bool, stop: Stop
) -> Ended:
    """Run the job in a process of its own, and ask it to stop when we are asked to."""
    environment = _environment(settings)
    job = f"{declared.name}__{'all_modes' if all_modes else 'mode_equivalence'}"
    chosen = {name: value for name, value in config.items() if value is not None}
    with tempfile.TemporaryDirectory(prefix="dit-ci-") as folder:
        result = Path(folder) / "result.json"
        asked = {
            "pipeline": declared.name,
            "job": job,
            "partitions": f"{declared.name}_commits",
            "commit": commit,
            "config": {"ops": {f"{declared.name}__pin": {"config": chosen}}} if chosen else {},
            "lock": str(settings.directory / "dagster.lock"),
            "result": str(result),
        }
        command = [sys.executable, "-m", "dit_dagster.defs.execution"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=_STDERR, env=environment, text=True)
        assert process.stdin is not None  # noqa: S101  # it was asked for
        with process.stdin as pipe:
            pipe.write(json.dumps(asked))
        _wait(process, stop)
        return _ended(result) if result.exists() else Ended()


def _wait(process: subprocess.Popen[str], stop: Stop) -> None:
    asked = False
    while process.poll() is None:
        if stop() and not asked:
            # Ctrl-C has reached it as well; a SIGTERM has not.
            asked = True
            if stop.signal != signal.SIGINT:
                process.send_signal(signal.SIGTERM)
        time.sleep(_POLL_SECONDS)


def _ended(result: Path) -> Ended:
    said = json.loads(result.read_text(encoding="utf-8"))
    failures = said["failures"]
    return Ended(
        run_id=said["run_id"],
        success=said["success"],
        error=failures[0]["error"] if failures else "",
        refused=any(one["refused"] for one in failures),
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The user's own, with a Dagster home of ours if there is none. No credential for the host is in it."""
    from dit_dagster.settings import whole_environment

    environment = dict(whole_environment())
    home = settings.directory / "dagster"
    if not environment.get("DAGSTER_HOME"):
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text(_INSTANCE, encoding="utf-8")
        environment["DAGSTER_HOME"] = str(home)
    return environment


def _report(ended: Ended, settings: Settings) -> Mapping[str, Any] | None:
    """What the registry holds of the run. None if it came to no report."""
    from dit_dagster import wiring

    if not ended.run_id:
        return None
    events = wiring.registry(settings).of_run(ended.run_id)
    return next((event.payload for event in reversed(events) if event.kind == "run_finished"), None)


def _tell(report: Mapping[str, Any], settings: Settings, json_file: Path | None, html_file: Path | None) -> None:
    from dit_dagster.cli.pages import keep_page
    from dit_dagster.cli.show import show_report

    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show_report(report)
    keep_page(report, settings.directory / "reports", html_file)


def _show(declared: Pipeline, pull: int | None, notice: Notice, settings: Settings) -> None:
    """On the pull request, if one was named. What cannot be shown there takes no verdict away."""
    if pull is None:
        return
    from dit_dagster import wiring
    from dit_dagster.evidence.notices import topic

    board = wiring.board(declared, settings)
    if board is None:
        print("dit: --pull: no credentials, or no repository; docs/pull-requests.md says which", file=sys.stderr)
        return
    try:
        board.show(notice)
        board.comment(pull, topic(declared.name), notice.summary)
    except BoardError as error:
        print(f"dit: the verdict is not shown on pull request {pull}: {error}", file=sys.stderr)


def _end_without_verdict(why: str, ended: Ended, stopped_by: int | None) -> NoReturn:
    if stopped_by is not None:
        raise typer.Exit(128 + stopped_by)
    if ended.refused:
        print(f"dit: {why}", file=sys.stderr)
        raise typer.Exit(2)
    raise InfrastructureError(f"the job came to no verdict: {why}")


def _end(report: Mapping[str, Any], stopped_by: int | None) -> NoReturn:
    from dit_dagster.evidence.cases import whole

    raise typer.Exit(128 + stopped_by if stopped_by is not None else EXIT_CODES[whole(report)])
