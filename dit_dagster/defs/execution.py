"""A job of a pipeline, executed by a process of its own: what `dit ci` starts, so that it need not import Dagster.

It reads what to execute as JSON from its standard input, and writes what it came to, as JSON, into the file that is
named there. Dagster's own log goes to standard error.
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from dit_dagster.defs.vocabulary import PIPELINE_TAG, REFUSED
from dit_dagster.model.identity import Commit


def main() -> None:
    """Register the commit, execute the job, write what it came to. The verdict is the registry's."""
    asked = json.load(sys.stdin)
    commit = Commit(asked["commit"])
    with _first_comer(Path(asked["lock"])):  # two processes that make one instance's storage at once spoil it
        instance = dg.DagsterInstance.get()
        instance.add_dynamic_partitions(asked["partitions"], [commit])
    job = dg.build_reconstructable_job(__name__, "find_job", (asked["job"],))
    with dg.execute_job(
        job,
        instance=instance,
        tags={"dagster/partition": commit, PIPELINE_TAG: asked["pipeline"]},
        run_config=asked["config"],
        raise_on_error=False,
    ) as result:
        failures = [_failure(event) for event in result.all_events if event.is_step_failure]
        said = {"run_id": result.run_id, "success": result.success, "failures": failures}
    Path(asked["result"]).write_text(json.dumps(said), encoding="utf-8")


def find_job(name: str) -> dg.JobDefinition:
    """The job of that name, of whichever pipeline, in whichever process."""
    from dit_dagster.definitions import defs

    return defs.resolve_job_def(name)


def _failure(event: dg.DagsterEvent) -> dict[str, Any]:
    """Which step failed, in one line, and whether it refused what was asked for."""
    data = event.step_failure_data
    refused = data.user_failure_data is not None and REFUSED in data.user_failure_data.metadata
    described = data.user_failure_data.description if data.user_failure_data is not None else None
    text = described or data.error_display_string
    return {"step": event.step_key, "error": " ".join(text.split())[:2000], "refused": refused}


@contextmanager
def _first_comer(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
