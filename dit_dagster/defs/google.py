"""The workbench on Google's BigQuery: dagster-gcp's resource supplies the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster_gcp import BigQueryResource

from dit_dagster import wiring
from dit_dagster.defs.resources import Workbench
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.ports import Registry
from dit_dagster.running.cleaning import Premises
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings


class GoogleWorkbench(Workbench):
    """As the workbench, with a client whose project, location and credentials Dagster configures."""

    bigquery: BigQueryResource

    @contextmanager
    def workplace(self, pipeline: Pipeline) -> Iterator[Workplace]:
        settings = Settings.read()
        with self.bigquery.get_client() as client:
            yield wiring.workplace(pipeline, settings, wiring.google_surroundings(client, settings))

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        settings = Settings.read()
        with self.bigquery.get_client() as client:
            yield wiring.registry(settings, wiring.google_surroundings(client, settings))

    @contextmanager
    def premises(self) -> Iterator[Premises]:
        settings = Settings.read()
        with self.bigquery.get_client() as client:
            yield wiring.premises(settings, wiring.google_surroundings(client, settings))


def google_workbench() -> GoogleWorkbench:
    """Configured by the same variables as `dit`."""
    settings = Settings.read()
    return GoogleWorkbench(bigquery=BigQueryResource(project=settings.project, location=settings.location))
