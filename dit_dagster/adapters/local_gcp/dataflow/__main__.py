"""The Dataflow server, on a socket that is open already.

usage: python -m dit_dagster.adapters.local_gcp.dataflow DIRECTORY --socket FD --storage-root DIR

The supervisor listens, and starts this when the first client connects: a cloud that runs no job does not pay for it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from dit_dagster.adapters.local_gcp import state
from dit_dagster.adapters.local_gcp.child import attach
from dit_dagster.adapters.local_gcp.dataflow.api import DataflowApi
from dit_dagster.adapters.local_gcp.dataflow.images import Images
from dit_dagster.adapters.local_gcp.dataflow.jobs import Jobs
from dit_dagster.adapters.local_gcp.dataflow.rules import Rules
from dit_dagster.adapters.local_gcp.dataflow.service import Service, Surroundings
from dit_dagster.adapters.local_gcp.storage.api import Request, failure
from dit_dagster.model.step_environment import FIXED, passed_on

_ENGINE = Path("/var/run/docker.sock")


class _Server(ThreadingHTTPServer):
    """A thread per connection; `api` answers."""

    daemon_threads = True

    def __init__(self, descriptor: int, api: DataflowApi) -> None:
        self.api = api
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=descriptor)
        self.server_address = self.socket.getsockname()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: what matters is in the responses."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            response = self.server.api.answer(Request(method=self.command, target=self.path, body=body))
        except Exception as error:  # noqa: BLE001 - 501, because clients retry a broken connection for minutes
            response = failure(501, f"the local Dataflow failed: {type(error).__name__}: {error}")
        content = json.dumps(response.content).encode()
        self.send_response(response.status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the base class's names


def main() -> int:
    """Serve until SIGTERM, or until standard input closes."""
    parser = argparse.ArgumentParser(prog="dataflow")
    parser.add_argument("directory", type=Path, help="the cloud's, whose state says where the other servers are")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--storage-root", type=Path, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    attach()
    _Server(options.socket, _api(options.directory, options.storage_root)).serve_forever(poll_interval=3600)
    return 0


def _api(directory: Path, storage: Path) -> DataflowApi:
    own = directory / "dataflow"
    jobs, images, rules = Jobs(own / "jobs"), Images(own / "images.json", _engine()), Rules()
    around = Surroundings(
        storage=storage,
        logs=own / "logs",
        variables=lambda: _variables(directory),
        contained=lambda: _contained(directory),
    )
    service = Service(jobs, images, rules, around, slots=max(2, os.cpu_count() or 2))
    return DataflowApi(jobs, service, images, rules)


def _variables(directory: Path) -> Mapping[str, str]:
    cloud = state.read(directory)
    inherited = {**FIXED, **passed_on(os.environ)}
    return {**inherited, **(cloud.environment(inherited) if cloud is not None else {})}


def _contained(directory: Path) -> Mapping[str, str]:
    """In a container nothing is inherited of our environment."""
    cloud = state.read(directory)
    return cloud.environment() if cloud is not None else {}


def _engine() -> str | None:
    """The container engine of this machine, if there is one."""
    address = os.environ.get("DOCKER_HOST")
    return address or (f"unix://{_ENGINE}" if _ENGINE.exists() else None)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
