"""Fixtures: one local cloud for a whole test session, and a client for it.

`from dit_dagster_tests.local_cloud import local_cloud  # noqa: F401` in a conftest makes it known. Under pytest-xdist
all workers share one: the first starts it and the last stops it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.local_gcp import LocalCloud


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A running local cloud in a directory of its own, gone at the end."""
    directory = shared_folder(tmp_path_factory, "local-cloud")
    with (directory / "users").open("a+") as users:
        with alone(users):
            cloud = local_gcp.up(directory)
            count(users, +1)
        yield cloud
        with alone(users):
            if count(users, -1) == 0:
                local_gcp.down(directory)


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    directory.mkdir(exist_ok=True)
    return directory


def bigquery_client(cloud: LocalCloud) -> bigquery.Client:
    """The official client on `cloud`."""
    return bigquery.Client(
        project=cloud.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": cloud.rest},
    )


@contextmanager
def alone(handle: IO[str]) -> Iterator[None]:
    """Of all workers this one only."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def count(handle: IO[str], change: int) -> int:
    """How many workers use what `handle` stands for, after a change."""
    handle.seek(0)
    users = int(handle.read() or 0) + change
    handle.seek(0)
    handle.truncate()
    handle.write(str(users))
    handle.flush()
    return users
