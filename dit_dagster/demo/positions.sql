-- Made-up input for `gaps` and `fishing_events_merged`, the same on every machine:
--   dit local sql - < dit_dagster/demo/positions.sql
-- Twelve vessels report about every half hour in January 2020, each with a silence of 2 to 15 hours in every 36 hours.
-- Three are silent for days; the silence of 5 ends within the last daily window before a tail of 4 days of a run to
-- January 21. Every fifth report of vessel 3 belongs to a segment of noise. They fish, or loiter at night, for some
-- hours in every 18, over midnights as well.
CREATE SCHEMA IF NOT EXISTS pipe_ais_v3_internal;
CREATE SCHEMA IF NOT EXISTS pipe_ais_v3_published;

CREATE OR REPLACE TABLE pipe_ais_v3_internal.research_messages
PARTITION BY DATE(timestamp)
AS
WITH
  slots AS (
    SELECT vessel, slot, FARM_FINGERPRINT(CONCAT(CAST(vessel AS STRING), ' ', CAST(slot AS STRING))) AS chance
    FROM UNNEST(GENERATE_ARRAY(1, 12)) AS vessel, UNNEST(GENERATE_ARRAY(0, 31 * 48 - 1)) AS slot
  ),
  reports AS (
    SELECT
      vessel,
      slot,
      chance,
      CONCAT(CAST(412000000 + vessel AS STRING), IF(vessel = 3 AND MOD(slot, 5) = 0, '-noise', '-track')) AS seg_id,
      TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:05:00', INTERVAL slot * 1800 + MOD(ABS(chance), 1200) SECOND) AS timestamp,
      ROUND(-60 + vessel + slot / 500, 4) AS lon,
      ROUND(-40 + vessel * 2 + MOD(ABS(chance), 97) / 1000, 4) AS lat,
      MOD(slot, 72) AS within,
      MOD(ABS(FARM_FINGERPRINT(CONCAT('silence ', CAST(vessel AS STRING), ' ', CAST(DIV(slot, 72) AS STRING)))), 1000)
        AS silence,
      MOD(ABS(FARM_FINGERPRINT(CONCAT('fishing ', CAST(vessel AS STRING), ' ', CAST(DIV(slot, 36) AS STRING)))), 1000)
        AS fishing
    FROM slots
  ),
  received AS (
    SELECT *
    FROM reports
    WHERE
      NOT (within >= MOD(silence, 40) AND within < MOD(silence, 40) + 4 + MOD(silence, 27))
      AND NOT (vessel = 5 AND timestamp >= '2020-01-10 05:00:00 UTC' AND timestamp < '2020-01-14 15:00:00 UTC')
      AND NOT (vessel = 8 AND timestamp >= '2020-01-15 02:00:00 UTC' AND timestamp < '2020-01-19 13:00:00 UTC')
      AND NOT (vessel = 11 AND timestamp >= '2020-01-17 20:00:00 UTC')
  ),
  followed AS (
    SELECT
      *,
      TIMESTAMP_DIFF(timestamp, LAG(timestamp) OVER (PARTITION BY seg_id ORDER BY timestamp), SECOND) / 3600 AS hours
    FROM received
  )
SELECT
  CONCAT('m', CAST(vessel AS STRING), '-', CAST(slot AS STRING)) AS msgid,
  seg_id,
  CAST(412000000 + vessel AS STRING) AS ssvid,
  timestamp,
  lon,
  lat,
  IF(MOD(slot, 3) = 0, 'satellite', 'terrestrial') AS receiver_type,
  IF(MOD(vessel, 2) = 0, 'AIS.1', 'AIS.18') AS type,
  CAST(1000 * MOD(slot, 90) AS FLOAT64) AS distance_from_shore_m,
  CAST(1500 * MOD(slot, 80) AS FLOAT64) AS distance_from_port_m,
  CAST(2 + MOD(slot, 7) AS FLOAT64) AS speed_knots,
  CAST(400 + MOD(ABS(chance), 300) AS FLOAT64) AS meters_to_prev,
  CAST(1 + MOD(slot, 5) AS FLOAT64) AS implied_speed_knots,
  ROUND(hours, 4) AS hours,
  CASE
    WHEN MOD(slot, 41) = 0 THEN NULL
    WHEN MOD(slot, 36) >= MOD(fishing, 20) AND MOD(slot, 36) < MOD(fishing, 20) + 3 + MOD(fishing, 14) THEN 1.0
    ELSE 0.0
  END AS nnet_score,
  IF(EXTRACT(HOUR FROM timestamp) IN (22, 23, 0, 1, 2) AND MOD(fishing, 3) = 0, 1.0, 0.0) AS night_loitering
FROM followed;

CREATE OR REPLACE TABLE pipe_ais_v3_published.segs_activity
AS
SELECT
  seg_id,
  ENDS_WITH(seg_id, '-track') AS good_seg,
  ENDS_WITH(seg_id, '-track') AS good_seg2,
  FALSE AS overlapping_and_short,
  COUNT(*) AS positions,
  MAX(timestamp) AS last_timestamp
FROM pipe_ais_v3_internal.research_messages
GROUP BY seg_id;
