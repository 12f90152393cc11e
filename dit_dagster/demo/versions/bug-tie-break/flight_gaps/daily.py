"""Step `daily`: one row per UTC day and carrier that had departures on it."""

from flight_gaps.tables import Table, Window, midnight
from flight_gaps.warehouse import Warehouse

_CREATE = """
CREATE TABLE IF NOT EXISTS `{daily}` (
  day DATE,
  carrier STRING,
  departures INT64,
  aircraft INT64,
  seats INT64,
  busiest_aircraft STRING,
  gaps_closed INT64,
  gap_hours FLOAT64
)
PARTITION BY day
"""

_TRUNCATE = """
DELETE FROM `{daily}`
WHERE day >= @start_day
"""

_INSERT = """
INSERT INTO `{daily}` (
  day, carrier, departures, aircraft, seats, busiest_aircraft, gaps_closed, gap_hours
)
WITH
departed AS (
  SELECT DATE(departed_at) AS day, carrier, tailnum
  FROM `{flights}`
  WHERE departed_at >= @read_from
    AND departed_at < @read_to
),
totals AS (
  SELECT
    departed.day,
    departed.carrier,
    COUNT(*) AS departures,
    COUNT(DISTINCT departed.tailnum) AS aircraft,
    -- Of aircraft that the register knows.
    COALESCE(SUM(aircraft.seats), 0) AS seats
  FROM departed
  LEFT JOIN `{aircraft}` AS aircraft ON aircraft.tailnum = departed.tailnum
  GROUP BY departed.day, departed.carrier
),
flown AS (
  SELECT day, carrier, tailnum, COUNT(*) AS departures
  FROM departed
  GROUP BY day, carrier, tailnum
),
ranked AS (
  SELECT
    day, carrier, tailnum,
    ROW_NUMBER() OVER (PARTITION BY day, carrier ORDER BY departures DESC, RAND()) AS place
  FROM flown
),
closed AS (
  SELECT
    written_for AS day,
    closed_by AS carrier,
    COUNT(*) AS gaps_closed,
    SUM(TIMESTAMP_DIFF(gap_end, gap_start, MINUTE)) AS minutes
  FROM `{gaps}`
  WHERE gap_end IS NOT NULL
    AND written_for >= @start_day
    AND written_for < @end_day
  GROUP BY written_for, closed_by
)
SELECT
  totals.day,
  totals.carrier,
  totals.departures,
  totals.aircraft,
  totals.seats,
  ranked.tailnum,
  COALESCE(closed.gaps_closed, 0),
  -- Summed as integers and divided once, so that the order of the rows cannot show.
  COALESCE(closed.minutes, 0) / 60
FROM totals
INNER JOIN ranked ON ranked.day = totals.day AND ranked.carrier = totals.carrier AND ranked.place = 1
LEFT JOIN closed ON closed.day = totals.day AND closed.carrier = totals.carrier
"""


def run(
    warehouse: Warehouse, window: Window, *, flights: Table, aircraft: Table, gaps: Table, daily: Table
) -> None:
    """Replace everything that `daily` says from the start of the window on by the days of the window."""
    tables = {"flights": flights, "aircraft": aircraft, "gaps": gaps, "daily": daily}
    warehouse.run(_CREATE.format(**tables))
    warehouse.run(_TRUNCATE.format(**tables), start_day=window.start)
    warehouse.run(
        _INSERT.format(**tables),
        start_day=window.start,
        end_day=window.end,
        read_from=midnight(window.start),
        read_to=midnight(window.end),
    )
