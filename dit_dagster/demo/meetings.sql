-- Made-up input for `encounters`, the same on every machine:
--   dit local sql - < dit_dagster/demo/meetings.sql
-- Four vessels report every twenty minutes in January 2020. The two of a pair are within a few hundred metres of one
-- another for 3 to 13 hours in every 31, over midnights as well, and far from everybody otherwise.
CREATE SCHEMA IF NOT EXISTS pipe_ais_v3_internal;
CREATE SCHEMA IF NOT EXISTS pipe_ais_v3_published;
CREATE SCHEMA IF NOT EXISTS pipe_static;

CREATE OR REPLACE TABLE pipe_ais_v3_internal.messages_positions
PARTITION BY DATE(timestamp)
AS
WITH
  slots AS (
    SELECT
      vessel,
      DIV(vessel + 1, 2) AS pair,
      slot,
      DIV(slot + 37 * DIV(vessel + 1, 2), 93) AS turn,
      MOD(slot + 37 * DIV(vessel + 1, 2), 93) AS within
    FROM UNNEST(GENERATE_ARRAY(1, 4)) AS vessel, UNNEST(GENERATE_ARRAY(0, 31 * 72 - 1)) AS slot
  ),
  chances AS (
    SELECT
      *,
      MOD(ABS(FARM_FINGERPRINT(CONCAT(CAST(pair AS STRING), ' ', CAST(turn AS STRING)))), 30) AS longer,
      MOD(ABS(FARM_FINGERPRINT(CONCAT(CAST(vessel AS STRING), ' ', CAST(slot AS STRING)))), 100) AS noise
    FROM slots
  )
SELECT
  CONCAT(CAST(412000000 + vessel AS STRING), '-track') AS seg_id,
  CAST(412000000 + vessel AS STRING) AS ssvid,
  TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:00:00', INTERVAL slot * 1200 SECOND) AS timestamp,
  -- A degree of latitude is 111 km: a pair keeps within 0.3 km.
  ROUND(IF(within < 9 + longer, -35 + pair * 0.5 + noise / 50000, -30 + vessel * 0.7 + noise / 50000), 5) AS lat,
  ROUND(IF(within < 9 + longer, -55 + pair * 0.5, -50 + vessel * 0.7), 5) AS lon,
  CAST(1 + MOD(noise, 3) AS FLOAT64) AS speed,
  CAST(MOD(noise * 7, 360) AS FLOAT64) AS course
FROM chances
WHERE noise < 95;

CREATE OR REPLACE TABLE pipe_ais_v3_published.segment_info AS
SELECT
  CONCAT(CAST(412000000 + vessel AS STRING), '-track') AS seg_id,
  CONCAT('vessel-', CAST(vessel AS STRING)) AS vessel_id
FROM UNNEST(GENERATE_ARRAY(1, 4)) AS vessel;

CREATE OR REPLACE TABLE pipe_static.spatial_measures_clustered_20230307 AS
SELECT
  FORMAT('lon:%+07.2f_lat:%+07.2f', -55 + pair * 0.5 + x / 100, -35 + pair * 0.5 + y / 100) AS gridcode,
  60000.0 AS distance_from_shore_m,
  90000.0 AS distance_from_port_m
FROM
  UNNEST(GENERATE_ARRAY(1, 2)) AS pair,
  UNNEST(GENERATE_ARRAY(-5, 5)) AS x,
  UNNEST(GENERATE_ARRAY(-5, 5)) AS y;

-- The same, as `encounters_vms` reads it.
CREATE SCHEMA IF NOT EXISTS pipe_vms_v3_internal;
CREATE SCHEMA IF NOT EXISTS pipe_vms_v3_published;

CREATE OR REPLACE TABLE pipe_vms_v3_internal.messages_positions
PARTITION BY DATE(timestamp)
AS SELECT * FROM pipe_ais_v3_internal.messages_positions;

CREATE OR REPLACE TABLE pipe_vms_v3_published.segment_info
AS SELECT * FROM pipe_ais_v3_published.segment_info;
