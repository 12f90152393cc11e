"""`dit attach`: wait for a run, wherever it runs, and for the jobs of one whose process died."""

from __future__ import annotations

from typing import Annotated, assert_never

import typer

RunArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="'dit runs' lists them")]


def attach(run_id: RunArgument) -> None:
    """Wait for a run that another process started; if that is dead, for the Dataflow jobs that it left behind.

    Exit code: the run's own; of a dead one 3, or 4 if one of its jobs failed. 2 if there is no such run.
    """
    from dit_dagster import wiring
    from dit_dagster.model.identity import RunId
    from dit_dagster.model.verdict import EXIT_CODES, Outcome
    from dit_dagster.running.attaching import Ended, Orphaned
    from dit_dagster.running.attaching import attach as attach_run
    from dit_dagster.settings import Settings

    wanted, settings = RunId(run_id), Settings.read()
    around = wiring.surroundings(settings)
    outcome = attach_run(wiring.registry(settings, around), around.jobs, wanted, print)
    match outcome:
        case Ended(outcome="cancelled"):
            print(f"run {run_id} was cancelled")
            raise typer.Exit(3)
        case Ended():
            print(f"run {run_id} is over: {outcome.outcome}; 'dit show {run_id}' has its report")
            raise typer.Exit(EXIT_CODES[Outcome(outcome.outcome)])
        case Orphaned():
            done = sum(job.state == "DONE" for job in outcome.jobs)
            print(
                f"the process of run {run_id} is dead; of its {len(outcome.jobs)} Dataflow jobs {done} are DONE. "
                f"'dit run PIPELINE --like {run_id}' goes on from what was committed, 'dit gc' cleans up"
            )
            raise typer.Exit(3 if done == len(outcome.jobs) else 4)
    assert_never(outcome)
