-- Made-up input for `fishing_events`, the same on every machine, beside that of positions.sql:
--   dit local sql - < dit_dagster/demo/positions.sql
--   dit local sql - < dit_dagster/demo/fishing.sql
-- Each of the twelve vessels is known by its track; the last four catch squid, so that they loiter at night. All of them
-- fish within the area of ICCAT, the even ones with its authorisation, which two of them lose on the way; half of the sea
-- is somebody's economic zone.
CREATE SCHEMA IF NOT EXISTS pipe_static;
CREATE SCHEMA IF NOT EXISTS pipe_regions_layers;
CREATE SCHEMA IF NOT EXISTS `global-fishing-watch`.udfs_v2;

CREATE OR REPLACE FUNCTION `global-fishing-watch`.udfs_v2.is_fishing(geartype STRING) AS (ENDS_WITH(geartype, 'longlines'));

CREATE OR REPLACE TABLE pipe_ais_v3_internal.segment_vessel AS
SELECT
  CONCAT(CAST(412000000 + vessel AS STRING), '-track') AS seg_id,
  CONCAT('vessel-', CAST(vessel AS STRING)) AS vessel_id,
  DATE '2020-01-31' AS last_date
FROM UNNEST(GENERATE_ARRAY(1, 12)) AS vessel;

CREATE OR REPLACE TABLE pipe_ais_v3_published.product_vessel_info_summary AS
SELECT
  CONCAT('vessel-', CAST(vessel AS STRING)) AS vessel_id,
  2020 AS year,
  CAST(412000000 + vessel AS STRING) AS ssvid,
  IF(vessel = 7, 'carrier', 'fishing') AS prod_shiptype,
  IF(vessel > 8, 'squid_jigger', 'trawlers') AS prod_geartype,
  IF(vessel = 7, 'drifting_longlines', 'trawlers') AS registry_geartype,
  vessel != 7 AS on_fishing_list_nn,
  FALSE AS shipname_indicates_likely_gear,
  CONCAT('SHIP ', CAST(vessel AS STRING)) AS self_reported_shipname,
  'ARG' AS self_reported_mmsi_flag
FROM UNNEST(GENERATE_ARRAY(1, 12)) AS vessel;

CREATE OR REPLACE TABLE pipe_ais_v3_published.identity_core AS
SELECT
  CONCAT('record-', CAST(vessel AS STRING)) AS vessel_record_id,
  CAST(412000000 + vessel AS STRING) AS ssvid,
  CONCAT('SHIP ', CAST(vessel AS STRING)) AS n_shipname,
  CAST(NULL AS STRING) AS n_callsign,
  CAST(NULL AS STRING) AS imo,
  'ARG' AS flag,
  TIMESTAMP '2019-06-01 00:00:00' AS first_timestamp,
  TIMESTAMP '2020-12-31 00:00:00' AS last_timestamp
FROM UNNEST(GENERATE_ARRAY(1, 12)) AS vessel;

CREATE OR REPLACE TABLE pipe_ais_v3_published.identity_authorization AS
SELECT
  vessel_record_id,
  ssvid,
  n_shipname,
  n_callsign,
  imo,
  flag,
  TIMESTAMP '2019-06-01 00:00:00' AS authorized_from,
  IF(ssvid IN ('412000002', '412000010'), TIMESTAMP '2020-01-12 00:00:00', TIMESTAMP '2020-06-01 00:00:00')
    AS authorized_to,
  'ICCAT' AS source_code
FROM pipe_ais_v3_published.identity_core
WHERE MOD(CAST(ssvid AS INT64), 2) = 0;

-- A cell is named by its lower corner.
CREATE OR REPLACE TABLE pipe_static.spatial_measures_clustered_v20260403 AS
SELECT
  FORMAT('lon:%+07.2f_lat:%+07.2f', -60 + vessel + x / 100, -40 + vessel * 2 + y / 100) AS gridcode,
  1000.0 * MOD(x, 90) AS distance_from_shore_m,
  1500.0 * MOD(x, 80) AS distance_from_port_m
FROM
  UNNEST(GENERATE_ARRAY(1, 12)) AS vessel,
  UNNEST(GENERATE_ARRAY(0, 299)) AS x,
  UNNEST(GENERATE_ARRAY(0, 9)) AS y;

CREATE OR REPLACE TABLE pipe_regions_layers.event_regions AS
WITH
  cells AS (
    SELECT DISTINCT lon < -52 AS western, S2_CELLIDFROMPOINT(ST_GEOGPOINT(lon, lat), level => 10) AS s2_cell
    FROM pipe_ais_v3_internal.research_messages
  )
SELECT
  'ICCAT' AS id,
  'rfmo' AS layer,
  ST_GEOGFROMTEXT('POLYGON((-60 -40, -40 -40, -40 -10, -60 -10, -60 -40))') AS geo,
  ARRAY_AGG(DISTINCT s2_cell) AS s2_cells
FROM cells
UNION ALL
SELECT
  '8466' AS id,
  'eez' AS layer,
  ST_GEOGFROMTEXT('POLYGON((-60 -40, -52 -40, -52 -10, -60 -10, -60 -40))') AS geo,
  ARRAY_AGG(DISTINCT s2_cell) AS s2_cells
FROM cells
WHERE western;
