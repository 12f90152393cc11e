"""The way to the container engine, and its errors in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from dit_dagster.errors import EngineError

if TYPE_CHECKING:
    from docker import APIClient, DockerClient
    from docker.errors import APIError

_SOCKET = Path("/var/run/docker.sock")
_SECONDS = 60
_POLL_SECONDS = 0.1


class Lost(EngineError):
    """No answer from the engine, which may be about to start again; what was asked may have been done."""


class Absent(EngineError):
    """The engine knows no such thing."""


class _BeingRemoved(EngineError):
    """Somebody else is removing it."""


def engine_is_here(variables: Mapping[str, str]) -> bool:
    """Whether this machine is told of an engine; it may not run."""
    return "DOCKER_HOST" in variables or _SOCKET.exists()


def connect(variables: Mapping[str, str]) -> DockerClient:
    """A client of the engine that `variables` lead to (DOCKER_HOST and the like). EngineError if it does not answer."""
    import docker

    try:
        return docker.from_env(version="auto", timeout=_SECONDS, environment=dict(variables))
    except docker.errors.DockerException as error:
        where = variables.get("DOCKER_HOST", f"unix://{_SOCKET}")
        raise Lost(f"no container engine answers at {where}: {error}; start it, or set DOCKER_HOST") from error


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn the SDK's errors into Absent, Lost or EngineError, which name what was asked for."""
    import requests
    import urllib3
    from docker import errors

    try:
        yield
    except errors.NotFound as error:
        raise Absent(f"{what}: {error.explanation}") from error
    except errors.APIError as error:
        raise _kind(error)(f"{what}: {error.explanation or error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
        raise Lost(f"{what}: the container engine does not answer: {error}") from error
    except errors.DockerException as error:
        raise EngineError(f"{what}: {error}") from error


def _kind(error: APIError) -> type[EngineError]:
    said = str(error.explanation)
    if error.is_server_error() and "shutting down" in said:
        return Lost
    return _BeingRemoved if error.status_code == HTTPStatus.CONFLICT and "already in progress" in said else EngineError


def take_away(api: APIClient, container: str, what: str) -> None:
    """End a container and remove it. Afterwards it is gone, whoever removed it; EngineError, naming `what`, if not."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            with engine_errors(what):
                api.remove_container(container, force=True, v=True)
        except Absent:
            return
        except _BeingRemoved:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
