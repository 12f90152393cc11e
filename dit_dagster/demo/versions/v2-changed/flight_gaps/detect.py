"""Step `detect`: find the gaps between the departures of every aircraft.

The table is versioned. A gap is *open* from the end of the first day at which the aircraft has been away
for longer than the minimum; that day writes version 1, without an end. The day on which the aircraft departs
again writes the next version, with the end. `written_for` is the day that wrote a version, never the day on
which the program happened to run: the rows with `written_for < d` are what a run up to d leaves behind,
however many runs it took to get there.
"""

import datetime as dt

from flight_gaps.output import Output
from flight_gaps.tables import Table, Window, midnight
from flight_gaps.warehouse import Warehouse

_CREATE = """
CREATE TABLE IF NOT EXISTS `{gaps}` (
  gap_id STRING,
  version INT64,
  tailnum STRING,
  gap_number INT64,
  carrier STRING,
  origin STRING,
  dest STRING,
  gap_start TIMESTAMP,
  gap_end TIMESTAMP,
  gap_hours FLOAT64,
  closed_by STRING,
  written_for DATE
)
PARTITION BY written_for;

CREATE OR REPLACE VIEW `{last_versions}` AS
SELECT *
FROM `{gaps}`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY gap_id ORDER BY version DESC) = 1;
"""

_TRUNCATE = """
DELETE FROM `{gaps}`
WHERE written_for >= @start_day
"""

_INSERT = """
INSERT INTO `{gaps}` (
  gap_id, version, tailnum, gap_number, carrier, origin, dest,
  gap_start, gap_end, gap_hours, closed_by, written_for
)
WITH
departures AS (
  -- An open gap stands for the departure that began it, which may lie long before the window.
  SELECT
    tailnum, gap_start AS departed_at, carrier, 0 AS flight, origin, dest,
    version, gap_number
  FROM `{last_versions}`
  WHERE gap_end IS NULL
  UNION ALL
  SELECT
    tailnum, departed_at, carrier, flight, origin, dest,
    NULL AS version, NULL AS gap_number
  FROM `{flights}`
  WHERE departed_at >= @read_from
    AND departed_at < @read_to
    AND tailnum IS NOT NULL
    -- A hop to Albany or Philadelphia is a repositioning: the aircraft is not back in service.
    AND distance >= 150
),
gaps AS (
  SELECT
    *,
    LEAD(departed_at) OVER by_aircraft AS next_departed_at,
    LEAD(carrier) OVER by_aircraft AS next_carrier,
    TIMESTAMP_ADD(departed_at, INTERVAL @min_gap_hours HOUR) AS overdue_at
  FROM departures
  WHERE TRUE
  QUALIFY COALESCE(next_departed_at > overdue_at, TRUE)
  WINDOW by_aircraft AS (PARTITION BY tailnum ORDER BY departed_at, carrier, flight, origin, dest)
),
found AS (
  SELECT
    *,
    DATE(next_departed_at) AS closed_on,
    -- A gap that is over before the day is was never seen open.
    IF(
      version IS NULL AND DATE(overdue_at) < LEAST(DATE(COALESCE(next_departed_at, @read_to)), @end_day),
      DATE(overdue_at),
      NULL
    ) AS open_on
  FROM gaps
),
before AS (
  SELECT tailnum, MAX(gap_number) AS gap_number
  FROM `{gaps}`
  GROUP BY tailnum
),
numbered AS (
  SELECT
    found.* EXCEPT (gap_number),
    -- An aircraft has one open gap at most, its latest, and it comes before all of the window's.
    COALESCE(before.gap_number, 0) - COUNT(found.version) OVER earlier
      + ROW_NUMBER() OVER earlier AS gap_number
  FROM found
  LEFT JOIN before ON before.tailnum = found.tailnum
  WINDOW earlier AS (PARTITION BY found.tailnum ORDER BY found.departed_at)
),
versions AS (
  SELECT
    numbered.*,
    is_closed,
    IF(is_closed, COALESCE(version, IF(open_on IS NULL, 0, 1)) + 1, 1) AS new_version,
    IF(is_closed, closed_on, open_on) AS written_for
  FROM numbered
  CROSS JOIN UNNEST([FALSE, TRUE]) AS is_closed
)
SELECT
  TO_HEX(MD5(CONCAT(tailnum, ' ', CAST(UNIX_SECONDS(departed_at) AS STRING)))),
  new_version,
  tailnum,
  gap_number,
  carrier,
  origin,
  dest,
  departed_at,
  IF(is_closed, next_departed_at, NULL),
  IF(is_closed, TIMESTAMP_DIFF(next_departed_at, departed_at, MINUTE) / 60, NULL),
  IF(is_closed, next_carrier, NULL),
  written_for
FROM versions
WHERE written_for IS NOT NULL
"""


def run(warehouse: Warehouse, window: Window, *, flights: Table, gaps: Table, min_gap: dt.timedelta) -> None:
    """Replace everything that `gaps` says from the start of the window on by what the window yields.

    A departure less than `min_gap` before the window has not become an open gap yet, so it is in no
    table of ours: flights are read from that much earlier.
    """
    output = Output(create=_CREATE, truncate=_TRUNCATE, insert=_INSERT)
    output.rewrite(
        warehouse,
        window,
        tables={"flights": flights, "gaps": gaps, "last_versions": gaps.last_versions},
        read_from=midnight(window.start) - min_gap,
        read_to=midnight(window.end),
        end_day=window.end,
        min_gap_hours=min_gap // dt.timedelta(hours=1),
    )
