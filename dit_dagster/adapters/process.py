"""The PipelineRunner port on processes: each step in a process group of its own, so that it can be ended whole."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from dit_dagster.errors import StepFailed
from dit_dagster.ports import Exit, Invocation

_UMASK = 0o022
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05


class ProcessRunner:
    """Runs a step as a child of this process."""

    def run(self, invocation: Invocation, *, line: Callable[[str], None], stopped: Callable[[], bool]) -> Exit:
        started = time.monotonic()
        process = _start(invocation)
        reader = threading.Thread(target=_forward, args=(process, line), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                if stopped():
                    _end(process)
                time.sleep(_POLL_SECONDS)
        finally:
            if process.poll() is None:
                _end(process)
            # What the step started and left behind would go on writing after the phase is judged.
            _signal(process, signal.SIGKILL)
        reader.join(timeout=_GRACE_SECONDS)
        return Exit(code=process.returncode, seconds=time.monotonic() - started)


def _start(invocation: Invocation) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            invocation.arguments,
            cwd=invocation.directory,
            env=dict(invocation.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            umask=_UMASK,
        )
    except OSError as error:
        raise StepFailed(
            f"cannot start {invocation.arguments[0]!r}: {error.strerror}; "
            "check the step's command in defs.yaml and the program's entry points"
        ) from error


def _forward(process: subprocess.Popen[str], line: Callable[[str], None]) -> None:
    assert process.stdout is not None  # noqa: S101  # it was asked for
    for text in process.stdout:
        line(text.rstrip("\n"))


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the group to end; after a while, end it."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
