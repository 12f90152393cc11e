"""The local cloud, a warehouse on it, and a dataset of one's own."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.model.identity import DatasetName
from dit_dagster_tests.local_cloud import local_cloud
from dit_dagster_tests.recorded_runs import recorded_runs

__all__ = ["local_cloud", "recorded_runs"]

# A loaded machine is slow, not wrong.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def warehouse(local_cloud: LocalCloud) -> BigQueryWarehouse:
    """The Warehouse port on the local cloud."""
    return BigQueryWarehouse.local(rest=local_cloud.rest, project=local_cloud.project)


@pytest.fixture
def dataset(warehouse: BigQueryWarehouse) -> Iterator[DatasetName]:
    """An empty dataset, gone after the test."""
    yield from new_dataset(warehouse)


@pytest.fixture
def signals_as_usual() -> Iterator[None]:
    """A job in the background of a shell, such as a test run can be, ignores signals, and so do its children."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def module_dataset(warehouse: BigQueryWarehouse) -> Iterator[DatasetName]:
    """An empty dataset that the tests of one module share."""
    yield from new_dataset(warehouse)


def new_dataset(warehouse: BigQueryWarehouse) -> Iterator[DatasetName]:
    made = DatasetName(warehouse.project, f"test_{secrets.token_hex(6)}")
    warehouse.ensure_dataset(made)
    yield made
    warehouse.client.delete_dataset(str(made), delete_contents=True, not_found_ok=True)
