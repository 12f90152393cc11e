"""What was asked for as the arguments of `dit run`: each value was validated, and none is shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dit_dagster.errors import UsageError

if TYPE_CHECKING:
    from dit_dagster.api import Asked
    from dit_dagster.model.identity import Commit, ExperimentId

ELSEWHERE = frozenset({"pipeline", "commit", "experiment_id", "require_clean", "editable", "against"})
"""Fields of Asked that are settled on this machine, or that need more commits than are sent."""


def run_arguments(asked: Asked, commit: Commit, experiment: ExperimentId) -> tuple[str, ...]:
    """`run PIPELINE ...` for another machine. UsageError for what cannot be run there."""
    if asked.editable is not None:
        raise UsageError("--editable runs a folder of this machine; leave it out")
    if asked.against is not None:
        raise UsageError("--against needs a second commit, and a build gets one; leave it out")
    return ("run", asked.pipeline, f"--commit={commit}", f"--experiment-id={experiment}", *_options(asked))


def _options(asked: Asked) -> Iterator[str]:
    if asked.modes is not None:
        yield f"--modes={','.join(asked.modes)}"
    for name in ("start", "end", "tail", "lookback", "jobs", "from_phase", "max_bytes", "cohort", "runner"):
        if (value := getattr(asked, name)) is not None:
            yield f"--{name.replace('_', '-')}={value}"
    for source, table in asked.tables.items():
        yield f"--source={source}={table}"
    if asked.pin_source_at is not None:
        yield f"--pin-source-at={asked.pin_source_at.isoformat()}"
    if asked.worker_image is not None:
        yield f"--worker-image={asked.worker_image}"
    if asked.golden is not None:
        yield "--golden" if asked.golden else "--no-golden"
    if asked.golden_sources:
        yield "--golden-sources"
    if asked.force:
        yield "--force"
    yield f"--resume={asked.resume}"
