-- One fishing event of 64 hours, in addition to positions.sql, the same on every machine:
--   dit local sql - < dit_dagster/demo/positions.sql
--   dit local sql - < dit_dagster/demo/long_event.sql
-- Vessel 2 fishes from January 17, 04:00, to January 19, 20:00, and reports at least every half hour. In a run to
-- January 21 with a tail of 3 days the event begins before the tail and ends a day later, so that `bftruncate` shows
-- whether what lies ahead of a re-run is truncated. No other event of the positions is longer than a day.
UPDATE pipe_ais_v3_internal.research_messages
SET nnet_score = 1.0
WHERE seg_id = '412000002-track' AND timestamp >= '2020-01-17 04:00:00 UTC' AND timestamp < '2020-01-19 20:00:00 UTC';

INSERT INTO pipe_ais_v3_internal.research_messages
  (msgid, seg_id, ssvid, timestamp, lon, lat, receiver_type, type, distance_from_shore_m, distance_from_port_m,
   speed_knots, meters_to_prev, implied_speed_knots, hours, nnet_score, night_loitering)
SELECT
  CONCAT('long-', CAST(slot AS STRING)),
  '412000002-track',
  '412000002',
  TIMESTAMP_ADD(TIMESTAMP '2020-01-17 04:02:30 UTC', INTERVAL slot * 1800 SECOND),
  ROUND(-58 + slot / 500, 4),
  -36.0,
  'terrestrial',
  'AIS.1',
  50000.0,
  60000.0,
  3.0,
  500.0,
  2.0,
  0.5,
  1.0,
  0.0
FROM UNNEST(GENERATE_ARRAY(0, 127)) AS slot;
