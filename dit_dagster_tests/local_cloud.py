"""Fixtures: one local cloud for a whole test session, and a client for it.

`from dit_dagster_tests.local_cloud import local_cloud  # noqa: F401` in a conftest makes it known. Under pytest-xdist
all workers share one: the first starts it and the last stops it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.local_gcp import LocalCloud


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A running local cloud in a directory of its own, gone at the end."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "local-cloud"
    directory.mkdir(exist_ok=True)
    with (directory / "users").open("a+") as users:
        with _alone(users):
            cloud = local_gcp.up(directory)
            _count(users, +1)
        yield cloud
        with _alone(users):
            if _count(users, -1) == 0:
                local_gcp.down(directory)


def bigquery_client(cloud: LocalCloud) -> bigquery.Client:
    """The official client on `cloud`."""
    return bigquery.Client(
        project=cloud.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": cloud.rest},
    )


@contextmanager
def _alone(handle: IO[str]) -> Iterator[None]:
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _count(handle: IO[str], change: int) -> int:
    handle.seek(0)
    users = int(handle.read() or 0) + change
    handle.seek(0)
    handle.truncate()
    handle.write(str(users))
    handle.flush()
    return users
