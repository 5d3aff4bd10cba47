-- Readings of sensors, joined with the room that each sensor is in; only the hot ones are kept.
SET 'auto.offset.reset' = 'earliest';

CREATE STREAM room_readings (sensor STRING KEY, celsius DOUBLE)
  WITH (KAFKA_TOPIC='room_readings', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE rooms (sensor STRING PRIMARY KEY, room STRING)
  WITH (KAFKA_TOPIC='rooms', VALUE_FORMAT='JSON', PARTITIONS=1);

INSERT INTO rooms (rowtime, sensor, room) VALUES (0, 'a', 'kitchen');
INSERT INTO rooms (rowtime, sensor, room) VALUES (0, 'b', 'cellar');
INSERT INTO room_readings (rowtime, sensor, celsius) VALUES (1000, 'a', 24.5);
INSERT INTO room_readings (rowtime, sensor, celsius) VALUES (2000, 'b', 14.0);
INSERT INTO room_readings (rowtime, sensor, celsius) VALUES (3000, 'a', 31.0);

CREATE STREAM hot_rooms AS
  SELECT r.sensor AS sensor, m.room AS room, r.celsius AS celsius
  FROM room_readings r JOIN rooms m ON r.sensor = m.sensor
  WHERE r.celsius > 30;

SELECT room, celsius FROM hot_rooms EMIT CHANGES LIMIT 1;
