"""BigQuery, as little of it as the steps need."""

import datetime as dt
from collections.abc import Mapping

from google.cloud import bigquery

_TYPES = {dt.date: "DATE", dt.datetime: "TIMESTAMP", int: "INT64"}


class Warehouse:
    """Runs SQL in one project, under one set of job labels."""

    def __init__(self, project: str | None, labels: Mapping[str, str]) -> None:
        self._client = bigquery.Client(project=project)
        self._labels = dict(labels)

    def run(self, sql: str, **parameters: dt.date | dt.datetime | int) -> None:
        """Run one statement, or several without parameters, and return when the job is done."""
        config = bigquery.QueryJobConfig(
            labels=self._labels,
            query_parameters=[
                bigquery.ScalarQueryParameter(name, _TYPES[type(value)], value)
                for name, value in parameters.items()
            ],
        )
        self._client.query(sql, job_config=config).result()
