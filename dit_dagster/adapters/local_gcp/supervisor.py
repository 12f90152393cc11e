"""The supervisor: starts the servers, publishes their addresses, and makes them live and die together.

usage: python -m dit_dagster.adapters.local_gcp.supervisor DIRECTORY --project NAME [--rest-port N ...]
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from dit_dagster.adapters.local_gcp import state
from dit_dagster.adapters.local_gcp.child import HOST, PortTaken, check_free
from dit_dagster.adapters.local_gcp.cloud import LocalCloud
from dit_dagster.adapters.local_gcp.credentials import write_service_account

_PACKAGE = "dit_dagster.adapters.local_gcp"
_GRACE_SECONDS = 4.0
_TICK = 0.05
Child = subprocess.Popen[bytes]


class _Asked(Exception):
    """A signal asked the supervisor to end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal arrives (0) or a server ends (1)."""
    options = _options(arguments)
    directory: Path = options.directory.absolute()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_asked)
    try:
        lock = state.take_ownership(directory)
    except BlockingIOError:
        print(f"another supervisor owns {directory}", file=sys.stderr)
        return 1
    children: list[Child] = []
    try:
        listener = _listener(options.dataflow_port)
        children += _servers(options, directory)
        state.write(_cloud(children, options.project, directory, listener))
        return _watch(children, listener, directory)
    except _Asked:
        return 0
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        state.erase(directory)
        _stop(children)
        os.close(lock)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"{_PACKAGE}.supervisor")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--project", required=True)
    for server in ("rest", "grpc", "storage", "dataflow"):
        parser.add_argument(f"--{server}-port", type=int, default=0)
    return parser.parse_args(arguments)


def _servers(options: argparse.Namespace, directory: Path) -> tuple[Child, Child]:
    objects = _objects(directory)
    objects.mkdir(exist_ok=True)
    storage = _server("storage", str(objects), f"--port={options.storage_port}")
    emulator = _server(
        "launcher",
        f"--directory={directory / 'bigquery'}",
        f"--storage-root={objects}",
        f"--project={options.project}",
        f"--rest-port={options.rest_port}",
        f"--grpc-port={options.grpc_port}",
    )
    return storage, emulator


def _objects(directory: Path) -> Path:
    return directory / "storage"


def _listener(port: int) -> socket.socket:
    """Dataflow's socket: bound now, so that its address is known; served once somebody connects."""
    check_free(port, "Dataflow")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    return listener


def _dataflow(listener: socket.socket, directory: Path) -> Child:
    """The Dataflow server, to which the socket is handed over."""
    descriptor = listener.fileno()
    arguments = (str(directory), f"--socket={descriptor}", f"--storage-root={_objects(directory)}")
    child = _server("dataflow", *arguments, descriptors=(descriptor,))
    listener.close()
    return child


def _server(module: str, *arguments: str, descriptors: tuple[int, ...] = ()) -> Child:
    command = [sys.executable, "-m", f"{_PACKAGE}.{module}", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=descriptors)


def _cloud(children: Sequence[Child], project: str, directory: Path, listener: socket.socket) -> LocalCloud:
    storage, emulator = (_announced(child) for child in children)
    token = f"{storage['url']}/token"
    write_service_account(directory, project=project, token=token)
    return LocalCloud(
        rest=emulator["rest"],
        grpc=emulator["grpc"],
        storage=storage["url"],
        token=token,
        dataflow=f"http://localhost:{listener.getsockname()[1]}",
        project=project,
        pid=os.getpid(),
        directory=directory,
    )


def _announced(child: Child) -> dict[str, str]:
    """The line in which a server says where it listens; SystemExit when it ended instead."""
    assert child.stdout is not None  # noqa: S101 - opened with PIPE
    line = child.stdout.readline()
    if not line:
        raise SystemExit(1)  # the server's own message is in the log, above
    record: dict[str, str] = json.loads(line)
    return record


def _watch(children: list[Child], listener: socket.socket, directory: Path) -> int:
    """Wait until a server ends, which is never right: 1. Meanwhile, start Dataflow's when the first client connects."""
    while True:
        for child in children:
            if child.poll() is not None:
                print(f"{child.args!r} ended with {child.returncode}; stopping the others", file=sys.stderr)
                return 1
        if listener.fileno() < 0:
            time.sleep(_TICK)
        elif select.select([listener], [], [], _TICK)[0]:
            children.append(_dataflow(listener, directory))


def _stop(children: Sequence[Child]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _raise_asked(_number: int, _frame: FrameType | None) -> None:
    raise _Asked


if __name__ == "__main__":
    sys.exit(main())
