"""The jobs: their resources as the API shows them, their messages and metrics, kept in one file each.

https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.locations.jobs is the contract.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STATES = (
    "JOB_STATE_UNKNOWN",
    "JOB_STATE_STOPPED",
    "JOB_STATE_RUNNING",
    "JOB_STATE_DONE",
    "JOB_STATE_FAILED",
    "JOB_STATE_CANCELLED",
    "JOB_STATE_UPDATED",
    "JOB_STATE_DRAINING",
    "JOB_STATE_DRAINED",
    "JOB_STATE_PENDING",
    "JOB_STATE_CANCELLING",
    "JOB_STATE_QUEUED",
)
"""By their numbers: some clients send those."""
TERMINAL = frozenset(
    {"JOB_STATE_DONE", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_UPDATED", "JOB_STATE_DRAINED"}
)
IMPORTANCES = ("UNKNOWN", "DEBUG", "DETAILED", "WARNING", "ERROR", "BASIC")
"""By their numbers, which are not their order."""
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64


class BadJob(ValueError):
    """The request names no job that Dataflow would take."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One job: `resource` is what the API shows."""

    resource: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.resource["id"])

    @property
    def state(self) -> str:
        return str(self.resource["currentState"])

    @property
    def is_over(self) -> bool:
        return self.state in TERMINAL

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.resource.get("labels", {}))

    @property
    def images(self) -> tuple[str, ...]:
        """The worker images that were asked for, each once."""
        pools = self.resource.get("environment", {}).get("workerPools", [])
        named = [image["containerImage"] for pool in pools for image in pool.get("sdkHarnessContainerImages", [])]
        named += [pool["workerHarnessContainerImage"] for pool in pools if "workerHarnessContainerImage" in pool]
        return tuple(dict.fromkeys(named))

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self.resource.get("environment", {}).get("sdkPipelineOptions", {}).get("options", {}))


class Jobs:
    """Every job of a directory, oldest first. Safe for threads; what it hands out are copies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.RLock()
        directory.mkdir(parents=True, exist_ok=True)
        self._jobs = {job.id: job for job in map(_read, sorted(directory.glob("*.json")))}

    def add(self, project: str, location: str, asked: Mapping[str, Any]) -> tuple[Job, bool]:
        """A new job, queued, and True; or the active job that has its name, and False. Raises BadJob."""
        _check(asked)
        with self._lock:
            for job in self._jobs.values():
                if job.resource["name"] == asked["name"] and not job.is_over:
                    return deepcopy(job), False
            now = timestamp()
            made = {
                "id": f"{datetime.now(UTC):%Y-%m-%d_%H_%M_%S}-{secrets.randbelow(10**19):019}",
                "projectId": project,
                "location": location,
                "currentState": "JOB_STATE_QUEUED",
                "currentStateTime": now,
                "createTime": now,
                "type": "JOB_TYPE_BATCH",
            }
            job = Job(resource={**asked, **made})
            self._jobs[job.id] = job
            self._write(job)
            return deepcopy(job), True

    def find(self, job_id: str) -> Job | None:
        with self._lock:
            return deepcopy(self._jobs.get(job_id))

    def all(self) -> tuple[Job, ...]:
        with self._lock:
            return tuple(deepcopy(job) for job in self._jobs.values())

    def change(self, job_id: str, state: str, **more: Any) -> bool:
        """Give a job its next state; False, and nothing changed, if it is over or has that state already."""
        with self._lock:
            job = self._jobs[job_id]
            if job.is_over or job.state == state:
                return False
            job.resource |= {"currentState": state, "currentStateTime": timestamp(), **more}
            job.messages.append(_message("BASIC", f"Job is in state {state}"))
            self._write(job)
            return True

    def say(self, job_id: str, importance: str, text: str) -> None:
        """Add a message of BASIC, WARNING or ERROR importance."""
        with self._lock:
            self._jobs[job_id].messages.append(_message(importance, text))
            self._write(self._jobs[job_id])

    def measure(self, job_id: str, metrics: Sequence[dict[str, Any]]) -> None:
        """Replace a job's metrics."""
        with self._lock:
            self._jobs[job_id].metrics = list(metrics)
            self._write(self._jobs[job_id])

    def _write(self, job: Job) -> None:
        target = self._directory / f"{job.id}.json"
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(
            json.dumps({"resource": job.resource, "messages": job.messages, "metrics": job.metrics}), encoding="utf-8"
        )
        draft.replace(target)


def timestamp() -> str:
    """Now, as the API writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def state_named(value: object) -> str:
    """A state by its name or its number."""
    return STATES[value] if isinstance(value, int) and 0 <= value < len(STATES) else str(value)


def _check(asked: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(str(asked.get("name", ""))):
        raise BadJob(
            f"({asked.get('name')!r}): the name must consist of only the characters [-a-z0-9], starting with a letter "
            "and ending with a letter or number, at most 63"
        )
    labels = asked.get("labels", {})
    wrong = [f"{k}={v}" for k, v in labels.items() if not (_LABEL[0].fullmatch(k) and _LABEL[1].fullmatch(v))]
    if wrong or len(labels) > _MOST_LABELS:
        raise BadJob(f"labels: {wrong[0] if wrong else f'more than {_MOST_LABELS}'} is not allowed")
    if "pipelineUrl" not in asked.get("environment", {}).get("sdkPipelineOptions", {}).get("options", {}):
        raise BadJob("the job has no staged pipeline; the local Dataflow runs portable jobs (Beam 2.45 and later) only")


def _message(importance: str, text: str) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "time": timestamp(),
        "messageText": text,
        "messageImportance": f"JOB_MESSAGE_{importance}",
    }


def _read(file: Path) -> Job:
    return Job(**json.loads(file.read_text(encoding="utf-8")))
