"""The labels of everything that a run starts: the one place where they are made, so that one of them finds it all."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Fingerprint

RUN = "dit_run"
PHASE = "dit_phase"
_NO_LABEL = re.compile(r"[^a-z0-9_-]")
_LONGEST = 63


def run_labels(request: Request, run_id: str) -> Mapping[str, str]:
    """For jobs of the warehouse and of the steps. Values are cut to what Google Cloud takes."""
    given = {RUN: run_id, "dit_experiment": request.experiment, "dit_pipeline": request.pipeline.name}
    return {key: _NO_LABEL.sub("-", value.lower())[:_LONGEST] for key, value in given.items()}


def phase_label(fingerprint: Fingerprint) -> str:
    """What tells a phase's jobs from others of its run; a whole fingerprint is one digit longer than a label."""
    return fingerprint[:32]
