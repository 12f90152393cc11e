"""The state directory: which supervisor owns it, and where its servers listen.

A supervisor holds an exclusive lock on `supervisor.lock` for as long as it lives. The operating system drops the
lock when the process ends, however it ends, so a state file that outlived a reboot, or whose pid now belongs to
a stranger, is recognised without looking at pids.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from dit_dagster.adapters.local_gcp.cloud import LocalCloud

STATE_FILE = "state.json"
LOG_FILE = "local-cloud.log"
SUPERVISOR_LOCK = "supervisor.lock"
_UP_LOCK = "up.lock"
_ATTEMPTS, _PAUSE_SECONDS = 10, 0.02


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Let one process at a time start or stop the cloud of `directory`; the others wait."""
    with (directory / _UP_LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def take_ownership(directory: Path) -> int:
    """Take the supervisor's lock and return its descriptor, to be kept open. BlockingIOError when it is taken."""
    descriptor = os.open(directory / SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:  # perhaps only `owner`, which holds it for an instant
            if not attempts_left:
                os.close(descriptor)
                raise
            time.sleep(_PAUSE_SECONDS)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def owner(directory: Path) -> int | None:
    """The pid of the living supervisor of `directory`, or None."""
    try:
        descriptor = os.open(directory / SUPERVISOR_LOCK, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or b"0") or None
    finally:
        os.close(descriptor)
    return None


def write(cloud: LocalCloud) -> None:
    """Publish `cloud` atomically."""
    target = cloud.directory / STATE_FILE
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({**asdict(cloud), "directory": str(cloud.directory)}, indent=2) + "\n")
    draft.replace(target)


def read(directory: Path) -> LocalCloud | None:
    """The published cloud, or None when there is none. ValueError when the file is not one of ours."""
    try:
        record = json.loads((directory / STATE_FILE).read_text())
    except FileNotFoundError:
        return None
    try:
        return LocalCloud(**{**record, "directory": directory})
    except TypeError as error:
        raise ValueError(f"{directory / STATE_FILE} is not a state file: {error}") from error


def erase(directory: Path) -> None:
    """Forget the published cloud."""
    (directory / STATE_FILE).unlink(missing_ok=True)
