"""The local cloud, a warehouse on it, and a dataset of one's own."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.model.identity import DatasetName
from dit_dagster_tests.containers.engine import engine
from dit_dagster_tests.local_cloud import local_cloud
from dit_dagster_tests.recorded_runs import recorded_runs

__all__ = ["engine", "local_cloud", "recorded_runs"]

# Each file runs on one worker. A long one that begins last is waited for while the other worker is idle.
_LONGEST = (
    "scenarios/test_sample_history.py",
    "defs/test_job_execute.py",
    "browser/test_pages.py",
    "scenarios/test_containers.py",
    "scenarios/test_golden.py",
    "scenarios/test_traps_cleaning.py",
    "scenarios/test_dataflow.py",
    "cli/test_bisect.py",
    "scenarios/test_contract.py",
    "scenarios/test_traps_cache.py",
    "scenarios/test_traps_plumbing.py",
    "campaigns/test_machine.py",
    "defs/test_steps.py",
    "scenarios/test_hooks.py",
    "adapters/local_gcp/test_lifecycle.py",
    "comparing/test_nested.py",
    "campaigns/test_crash.py",
    "cli/test_report.py",
    "scenarios/test_selection.py",
    "test_definitions.py",
    "campaigns/test_race.py",
)
_PLACES = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}

# A loaded machine is slow, not wrong. A commit is judged by the same examples wherever and whenever it is tested;
# `--hypothesis-profile=searching` looks for others.
_SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("searching", _SLOW)
settings.register_profile("steady", _SLOW, derandomize=True)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were found. Obeyed with `--no-loadscope-reorder`."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))


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
