"""Benches: one for each test, and one with a finished run that many tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster_tests.scenarios.bench import ALL_MODES, Bench, Ran


@pytest.fixture
def bench(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, warehouse: BigQueryWarehouse
) -> Iterator[Bench]:
    """A bench on which nothing has run."""
    made = Bench.new(tmp_path_factory.mktemp("bench"), local_cloud, warehouse)
    yield made
    made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A bench on which the good commit ran in all modes, and what that run came to. Tests only look at it."""

    bench: Bench
    ran: Ran


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, warehouse: BigQueryWarehouse
) -> Iterator[Finished]:
    made = Bench.new(tmp_path_factory.mktemp("finished"), local_cloud, warehouse)
    yield Finished(bench=made, ran=made.run(*ALL_MODES))
    made.close()
