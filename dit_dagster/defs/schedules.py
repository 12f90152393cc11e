"""The daily clean-up, as a job of its own: what `dit gc` does."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

import dagster as dg

from dit_dagster.defs.resources import WORKBENCH, Workbench
from dit_dagster.running.cleaning import clean, look_around, sized
from dit_dagster.running.collection import collectable

JOB = "dit_gc"
SCHEDULE = "dit_gc_daily"
_AT = "17 3 * * *"


@dg.op(name="collect", description="Cleans up after dead runs, and takes states that are kept no longer.")
def collect(context: dg.OpExecutionContext, dit: Workbench) -> None:
    with dit.premises() as place:
        found = sized(collectable(look_around(place)), place.warehouse)
        swept = clean(place, [one.item for one in found])
    gone = [one for one in found if one.item in swept.gone]
    taken = sum(one.bytes or 0 for one in gone)
    context.log.info(f"{len(gone)} gone, {taken:,} bytes; {len(swept.kept)} kept for live runs")
    context.add_output_metadata({"gone": len(gone), "bytes": taken, "kept": len(swept.kept)})
    if swept.failed:
        raise dg.Failure(description=f"{len(swept.failed)} could not be removed: {swept.failed[0]}")


def cleaning(bench: Workbench) -> dg.Definitions:
    """The job, and a schedule that is off until somebody turns it on."""

    @dg.job(name=JOB, description="What `dit gc` does: states, tables, claims and files that nobody needs any more.")
    def gc() -> None:
        collect()

    daily = dg.ScheduleDefinition(
        name=SCHEDULE,
        job=gc,
        cron_schedule=_AT,
        description="Cleans up every night.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    return dg.Definitions(jobs=[gc], schedules=[daily], resources={WORKBENCH: bench})
