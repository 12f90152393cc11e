"""The labels of everything that a run starts: the one place where they are made, so that one of them finds it all.

Google Cloud takes the same on jobs and tables: up to 63 lower-case letters, digits, dashes and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Fingerprint, content_hash

RUN = "dit_run"
PHASE = "dit_phase"
STEP = "dit_step"
_NO_LABEL = re.compile(r"[^a-z0-9_-]")
_LONGEST = 63
_HASH = 8


def run_labels(request: Request, run_id: str) -> Mapping[str, str]:
    """For jobs of the warehouse and of the steps, and for tables."""
    given = {RUN: run_id, "dit_experiment": request.experiment, "dit_pipeline": request.pipeline.name}
    return {key: label_value(value) for key, value in given.items()}


def job_labels(request: Request, run_id: str, fingerprint: Fingerprint, step: str) -> Mapping[str, str]:
    """For the jobs of one step of a phase: by the run's label all of a run are found, by these those of the step."""
    return {**run_labels(request, run_id), PHASE: phase_label(fingerprint), STEP: label_value(step)}


def phase_label(fingerprint: Fingerprint) -> str:
    """What tells a phase's jobs from others of its run; a whole fingerprint is one digit longer than a label."""
    return fingerprint[:32]


def label_value(text: str) -> str:
    """`text` as the value of a label. One that is too long ends in a hash of the whole, so that two stay two."""
    value = _NO_LABEL.sub("-", text.lower())
    if len(value) <= _LONGEST:
        return value
    return f"{value[: _LONGEST - _HASH - 1]}-{content_hash([text])[:_HASH]}"
