"""The long fishing event of the made-up positions: it reaches over the first daily run of a tail of three days."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dit_dagster
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.ports import Statement

DEMO = Path(dit_dagster.__file__).parent / "demo"
EVENT = """
SELECT MIN(timestamp) AS first, MAX(timestamp) AS last, MAX(since) AS silence, MIN(nnet_score) AS score
FROM (
  SELECT *, TIMESTAMP_DIFF(timestamp, LAG(timestamp) OVER (ORDER BY timestamp), SECOND) / 3600 AS since
  FROM pipe_ais_v3_internal.research_messages
  WHERE seg_id = '412000002-track' AND timestamp >= '2020-01-17 04:00:00 UTC' AND timestamp < '2020-01-19 20:00:00 UTC'
)
"""


def test_the_long_event_reaches_over_a_daily_run(warehouse: BigQueryWarehouse) -> None:
    """No silence in it breaks it, and every report of it is fishing: from before January 18 to after the 19th began."""
    for name in ("positions.sql", "long_event.sql"):
        warehouse.query(Statement(sql=(DEMO / name).read_text(encoding="utf-8")))

    [event] = warehouse.query(Statement(sql=EVENT)).rows

    assert event["first"] < datetime(2020, 1, 18, tzinfo=UTC) < datetime(2020, 1, 19, tzinfo=UTC) < event["last"]
    assert (event["silence"] <= 0.5, event["score"]) == (True, 1.0)
