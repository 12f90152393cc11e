"""Starting, stopping and looking at the local cloud of a directory."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from dit_dagster.adapters.local_gcp import state
from dit_dagster.adapters.local_gcp.cloud import Broken, LocalCloud, LocalCloudError, Ports, Running, Status, Stopped

# No dash, so that FOR SYSTEM_TIME AS OF works; no underscore, so that Beam's validator takes it.
DEFAULT_PROJECT = "ditlocal"
_START_SECONDS = 240.0
_STOP_SECONDS = 10.0
# `up` stops a cloud that does not answer, and must not stop one that others use and that is only slow.
_ANSWER_SECONDS = 30.0
_TICK = 0.02
_LOG_LINES = 15


def up(directory: Path, *, project: str = DEFAULT_PROJECT, ports: Ports = Ports()) -> LocalCloud:  # noqa: B008 - frozen
    """The running local cloud of `directory`, started if need be; it outlives the caller.

    Safe when several processes call it at once: one starts it and the others get the same one. Raises LocalCloudError
    when it cannot start, or when it already runs for another project.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with state.one_at_a_time(directory):
        match status(directory):
            case Running(cloud=cloud):
                return _of_project(cloud, project)
            case Broken():
                _stop(directory)
            case Stopped():
                pass
            case other:
                assert_never(other)
        return _start(directory, project, ports)


def down(directory: Path) -> bool:
    """Stop the local cloud of `directory` and keep its data. True if something was stopped."""
    directory = directory.absolute()
    if not directory.is_dir():
        return False
    with state.one_at_a_time(directory):
        return _stop(directory)


def status(directory: Path) -> Status:
    """Look at the local cloud of `directory`: its owner must live and each of its servers must answer."""
    directory = directory.absolute()
    try:
        cloud = state.read(directory)
    except ValueError as error:
        return Broken(reason=str(error))
    pid = state.owner(directory)
    if cloud is None:
        return Stopped() if pid is None else Broken(reason=f"its supervisor, process {pid}, is starting or stopping")
    if pid is None:
        return Broken(reason=f"its supervisor, process {cloud.pid}, ended without cleaning up")
    silent = [url for url in (cloud.rest, cloud.storage) if not _answers(url)]
    if silent:
        return Broken(reason=f"{' and '.join(silent)} did not answer within {_ANSWER_SECONDS:g} s")
    return Running(cloud=cloud)


def _of_project(cloud: LocalCloud, project: str) -> LocalCloud:
    if cloud.project != project:
        raise LocalCloudError(
            f"the local cloud in {cloud.directory} runs for project {cloud.project!r}, not {project!r}; "
            "stop it with `dit local down`, or use another directory"
        )
    return cloud


def _start(directory: Path, project: str, ports: Ports) -> LocalCloud:
    log = directory / state.LOG_FILE
    command = [sys.executable, "-m", "dit_dagster.adapters.local_gcp.supervisor", str(directory), "--project", project]
    command += [f"--rest-port={ports.rest}", f"--grpc-port={ports.grpc}", f"--storage-port={ports.storage}"]
    command += [f"--dataflow-port={ports.dataflow}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalCloudError(f"the local cloud in {directory} did not start; {log} ends with:\n{_tail(log)}")
        if (cloud := state.read(directory)) is not None and _answers(cloud.rest) and _answers(cloud.storage):
            return cloud
        time.sleep(_TICK)
    _stop(directory)
    raise LocalCloudError(f"the local cloud in {directory} was not ready in {_START_SECONDS:g} s:\n{_tail(log)}")


def _stop(directory: Path) -> bool:
    """End the supervisor, which ends its servers; True if there was one."""
    pid = state.owner(directory)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        if not _gone(directory):
            _signal(pid, signal.SIGKILL)  # its servers notice that it is gone and end
            if not _gone(directory):
                raise LocalCloudError(f"process {pid}, the local cloud of {directory}, does not end; kill it by hand")
    state.erase(directory)
    return pid is not None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _gone(directory: Path) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if state.owner(directory) is None:
            return True
        time.sleep(_TICK)
    return False


def _answers(url: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
