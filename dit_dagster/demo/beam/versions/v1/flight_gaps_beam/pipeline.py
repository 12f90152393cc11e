"""The Beam pipeline: departures out of BigQuery, gaps into it."""

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, ReadFromBigQuery, WriteToBigQuery
from apache_beam.options.pipeline_options import PipelineOptions

from flight_gaps_beam.detect import Bounds, FindGaps
from flight_gaps_beam.gaps_table import SCHEMA

_DEPARTURES = """
SELECT tailnum, UNIX_SECONDS(departed_at) AS departed, dest, carrier, flight
FROM `{flights}`
WHERE departed_at >= TIMESTAMP('{read_from}')
  AND departed_at < TIMESTAMP('{read_to}')
  AND tailnum IS NOT NULL
"""


def build(
    options: PipelineOptions, bounds: Bounds, labels: dict[str, str], *, flights: str, gaps: str
) -> beam.Pipeline:
    """The pipeline, ready to run. It reads as far back as the longest gap that can end within the bounds."""
    query = _DEPARTURES.format(flights=flights, read_from=bounds.start - bounds.longest, read_to=bounds.end)
    project, dataset, table = gaps.rsplit(".", 2)
    pipeline = beam.Pipeline(options=options)
    _ = (
        pipeline
        | "Departures" >> ReadFromBigQuery(query=query, use_standard_sql=True, bigquery_job_labels=labels)
        | "By aircraft" >> beam.Map(_keyed)
        | "Each aircraft" >> beam.GroupByKey()
        | "Gaps" >> beam.ParDo(FindGaps(bounds))
        | "Table"
        >> WriteToBigQuery(
            f"{project}:{dataset}.{table}",
            schema=SCHEMA,
            create_disposition=BigQueryDisposition.CREATE_NEVER,
            write_disposition=BigQueryDisposition.WRITE_APPEND,
            method=WriteToBigQuery.Method.FILE_LOADS,
        )
    )
    return pipeline


def _keyed(row: dict) -> tuple[str, tuple]:
    return row["tailnum"], (row["departed"], row["carrier"], row["flight"], row["dest"])
