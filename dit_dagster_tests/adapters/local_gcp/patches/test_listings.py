from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


@pytest.fixture
def with_label(emulator: Emulator) -> Emulator:
    dataset = emulator.client.get_dataset(emulator.dataset)
    dataset.labels = {"owner": emulator.dataset, "kind": "test"}
    emulator.client.update_dataset(dataset, ["labels"])
    other = bigquery.Dataset(f"{emulator.client.project}.{emulator.dataset}_other")
    emulator.client.create_dataset(other)
    return emulator


@pytest.mark.parametrize(
    "filter_",
    [
        pytest.param("labels.owner:{name}", id="value"),
        pytest.param("labels.kind:test labels.owner:{name}", id="both"),
    ],
)
def test_datasets_are_filtered_by_label(with_label: Emulator, filter_: str) -> None:
    """A clean-up that lists by label sees its own datasets only."""

    def probe() -> Any:
        found = with_label.client.list_datasets(filter=filter_.format(name=with_label.dataset))
        return [entry.dataset_id for entry in found]

    with_label.shows(probe, [with_label.dataset])


def test_a_filter_that_matches_nothing(with_label: Emulator) -> None:
    """No dataset has this label, so none is listed."""
    with_label.shows(lambda: list(with_label.client.list_datasets(filter="labels.nobody:x")), [])


def test_a_filter_that_is_not_understood_is_refused(with_label: Emulator) -> None:
    """Rather nothing than everything."""
    outcome = with_label.outcome(lambda: list(with_label.client.list_datasets(filter="owner=me")))

    with_label.shows(lambda: str(outcome).partition(":")[0], "BadRequest")


def test_hidden_datasets_are_not_listed(emulator: Emulator) -> None:
    """Names that begin with an underscore are hidden, unless all are asked for."""
    hidden = f"_{emulator.dataset}"
    emulator.client.create_dataset(hidden)

    def probe() -> tuple[bool, bool]:
        shown = {entry.dataset_id for entry in emulator.client.list_datasets()}
        everything = {entry.dataset_id for entry in emulator.client.list_datasets(include_all=True)}
        return hidden in shown, hidden in everything

    emulator.shows(probe, (False, True))


def test_jobs_are_listed_from_a_time_on(emulator: Emulator) -> None:
    """Those that were created before it are not."""
    before = emulator.client.query("SELECT 1")
    before.result()
    assert before.created is not None
    later = before.created + timedelta(milliseconds=1)

    def probe() -> Any:
        return [job.job_id for job in emulator.client.list_jobs(min_creation_time=later) if job.job_id == before.job_id]

    emulator.shows(probe, [])


def test_lists_have_pages(emulator: Emulator) -> None:
    """Small pages add up to all tables."""
    for name in "abc":
        emulator.run(f"CREATE TABLE d.{name} AS SELECT 1 AS x")

    def probe() -> Any:
        return sorted(table.table_id for table in emulator.client.list_tables(emulator.dataset, page_size=2))

    emulator.shows(probe, ["a", "b", "c"])
