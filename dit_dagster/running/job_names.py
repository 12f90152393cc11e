"""Names of Dataflow jobs: one builder, at most 63 characters, and never two jobs under one name.

Dataflow takes lower-case letters, digits and dashes, a letter first and no dash at the end, and refuses a second
active job of one name. A name reads `dit-<pipeline>-<step>-<experiment>-<binding>-<mode>-<n>-<m>-<hash>`: phase n of
its mode, attempt m. What tells runs apart stands at the end, so the front is what is cut; the hash is over all of it,
uncut and unaltered, because an underscore and a dash become one sign.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from dit_dagster.model.identity import content_hash

LONGEST = 63
_HASH = 8
_NO_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOf:
    """What a job is for. `binding` names the code version, `phase` and `attempt` count from 1, `run_id` is hashed."""

    pipeline: str
    step: str
    experiment: str
    binding: str
    mode: str
    phase: int
    attempt: int
    run_id: str


def job_name(job: JobOf) -> str:
    """The name of the job, the same whenever it is asked for."""
    tail = f"{_plain(job.mode)}-{job.phase}-{job.attempt}-{content_hash(asdict(job))[:_HASH]}"
    front = "-".join(_plain(part) for part in ("dit", job.pipeline, job.step, job.experiment, job.binding))
    room = LONGEST - len(tail) - 1
    if room < len("dit"):  # only with numbers of phases that no plan has
        return f"dit-{tail[-(LONGEST - 4) :].lstrip('-')}"
    return f"{front[:room].rstrip('-')}-{tail}"


def _plain(text: str) -> str:
    return _NO_NAME.sub("-", text.lower()).strip("-")
