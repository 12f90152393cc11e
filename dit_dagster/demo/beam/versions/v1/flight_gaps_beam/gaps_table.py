"""The table of gaps: its columns, and room in it for the days of a run."""

from google.cloud import bigquery

from flight_gaps_beam.detect import Bounds

SCHEMA = "gap_id:STRING,tailnum:STRING,dest:STRING,gap_start:TIMESTAMP,gap_end:TIMESTAMP,gap_hours:FLOAT,day:DATE"

_CREATE = """
CREATE TABLE IF NOT EXISTS `{gaps}` (
  gap_id STRING,
  tailnum STRING,
  dest STRING,
  gap_start TIMESTAMP,
  gap_end TIMESTAMP,
  gap_hours FLOAT64,
  day DATE
)
PARTITION BY day
"""

_DELETE = """
DELETE FROM `{gaps}`
WHERE day >= '{start}' AND day < '{end}'
"""


def make_room(project: str | None, gaps: str, bounds: Bounds, labels: dict[str, str]) -> None:
    """Create the table if it is not there, and remove what it says of the days of the run."""
    client = bigquery.Client(project=project)
    config = bigquery.QueryJobConfig(labels=labels)
    for sql in (_CREATE, _DELETE):
        client.query(sql.format(gaps=gaps, start=bounds.start, end=bounds.end), job_config=config).result()
