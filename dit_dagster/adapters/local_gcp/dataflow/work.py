"""A worker at work: a process of an interpreter that stands in for an image, or a container of the image itself.

Either runs `worker.py`, gets its task as one line, says in lines what becomes of it, and ends when nobody listens.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from dit_dagster.adapters.docker.engine import connect, engine_errors, take_away
from dit_dagster.adapters.local_gcp.dataflow.images import Interpreter, WorkerImage

if TYPE_CHECKING:
    from docker import APIClient

WORKER = Path(__file__).with_name("worker.py")
_GRACE_SECONDS = 3.0
_LAST_SECONDS = 30.0
_GENERATED = {"dit": "generated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is given: the task, a folder of its own, its variables, and what labels a container of it has.

    `contained` are the variables in a container, which sees of this machine what they name, and `storage`.
    """

    task: Mapping[str, Any]
    scratch: Path
    storage: Path
    variables: Mapping[str, str]
    contained: Mapping[str, str]
    labels: Mapping[str, str]


class Work(Protocol):
    """A worker that was started."""

    def said(self) -> Iterator[bytes]:
        """Its lines, until it ends. EngineError if that cannot be told."""

    def end(self) -> None:
        """It and all that it started are gone afterwards. May be called again, and by another thread."""

    def close(self) -> None:
        """Nobody listens to it any more: the ways to it are given back."""

    @property
    def is_over(self) -> bool: ...

    @property
    def exit_code(self) -> int | None:
        """Known once it was ended."""


@contextmanager
def at_work(worker: Interpreter | WorkerImage, given: Assignment, log: IO[bytes]) -> Iterator[Work]:
    """Start a worker, and end it. What it writes beside its lines goes into `log`."""
    work = _Process(worker, given, log) if isinstance(worker, Interpreter) else _Contained(worker, given, log)
    try:
        yield work
    finally:
        work.end()
        work.close()


class _Process:
    def __init__(self, worker: Interpreter, given: Assignment, log: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [worker.python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=given.scratch,
            env=dict(given.variables),
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - opened with PIPE
        with contextlib.suppress(BrokenPipeError):  # it has ended already: its exit code says more
            self._process.stdin.write(_line(given.task))
            self._process.stdin.flush()  # and stays open: the worker ends when it closes

    def said(self) -> Iterator[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - opened with PIPE
        yield from self._process.stdout
        with contextlib.suppress(subprocess.TimeoutExpired):  # its output ends a moment before it does, by itself
            self._process.wait(_LAST_SECONDS)

    def end(self) -> None:
        for number, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it never read
                    pipe.close()

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode


class _Contained:
    def __init__(self, worker: WorkerImage, given: Assignment, log: IO[bytes]) -> None:
        self._log = log
        self._name = f"dit-worker-{secrets.token_hex(8)}"
        self._client = connect({"DOCKER_HOST": worker.engine})
        self._api: APIClient = self._client.api
        self._input: Any = None
        self._output: Any = ()
        self._over = False
        self.exit_code: int | None = None
        try:
            with engine_errors(f"starting a worker of image {worker.image}"):
                self._create(worker, given)
                self._input = self._api.attach_socket(self._name, params={"stdin": 1, "stream": 1})
                # Before it starts: an engine can leave whoever attaches to a container that just ends without an end.
                self._output = self._api.attach(self._name, stream=True, demux=True)
                self._api.start(self._name)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended already
                    self._input._sock.sendall(_line(given.task))
        except BaseException:
            self.end()
            self.close()
            raise

    def _create(self, worker: WorkerImage, given: Assignment) -> None:
        named = {Path(part) for value in given.contained.values() for part in value.split(os.pathsep)}
        seen = sorted({WORKER, given.storage, *(path for path in named if path.is_absolute() and path.exists())})
        self._api.create_container(
            worker.image,
            command=[str(WORKER)],
            entrypoint=["python"],
            name=self._name,
            environment=dict(given.contained),
            working_dir=str(given.scratch),
            labels={**given.labels, **_GENERATED},
            stdin_open=True,
            use_config_proxy=False,
            host_config=self._api.create_host_config(
                binds=[f"{given.scratch}:{given.scratch}", *(f"{one}:{one}:ro" for one in seen)],
                network_mode="host",
                init=True,
                log_config={"Type": "json-file", "Config": {}},
            ),
        )

    def said(self) -> Iterator[bytes]:
        with engine_errors("what a worker says"):
            rest = b""
            for out, beside in self._output:
                self._log.write(beside or b"")
                *lines, rest = (rest + (out or b"")).split(b"\n")
                yield from lines
            self.exit_code = self._api.wait(self._name)["StatusCode"]
            self._over = True

    def end(self) -> None:
        self._over = True
        take_away(self._api, self._name, "removing a worker")

    def close(self) -> None:
        if self._input is not None:
            self._input.close()
        self._client.close()

    @property
    def is_over(self) -> bool:
        return self._over


def _line(task: Mapping[str, Any]) -> bytes:
    return json.dumps(task).encode() + b"\n"
