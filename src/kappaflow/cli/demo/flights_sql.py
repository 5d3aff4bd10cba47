"""The statements of the demo."""

from __future__ import annotations

DELAYED_MINUTES = 60
WINDOW_MS = 3_600_000
GRACE_MS = 45 * 60_000

SOURCES = (
    """CREATE STREAM flights (
  origin STRING KEY, carrier STRING, flight INT, tailnum STRING, dest STRING,
  dep_delay INT, arr_delay INT, air_time INT, distance INT
) WITH (KAFKA_TOPIC='flights', VALUE_FORMAT='JSON');""",
    """CREATE TABLE airlines (carrier STRING PRIMARY KEY, name STRING)
  WITH (KAFKA_TOPIC='airlines', VALUE_FORMAT='JSON');""",
    """CREATE TABLE planes (
  tailnum STRING PRIMARY KEY, year INT, type STRING, manufacturer STRING, model STRING, engines INT, seats INT
) WITH (KAFKA_TOPIC='planes', VALUE_FORMAT='JSON');""",
    """CREATE STREAM weather (origin STRING KEY, temp DOUBLE, humid DOUBLE, wind_speed DOUBLE, visib DOUBLE)
  WITH (KAFKA_TOPIC='weather', VALUE_FORMAT='JSON');""",
)

DELAYED = f"""CREATE STREAM delayed_flights WITH (KAFKA_TOPIC='delayed_flights') AS
  SELECT f.carrier AS carrier, a.name AS airline, f.origin AS origin, f.dest AS dest,
         f.flight AS flight, f.dep_delay AS dep_delay
  FROM flights f JOIN airlines a ON f.carrier = a.carrier
  WHERE f.dep_delay > {DELAYED_MINUTES}
  EMIT CHANGES;"""

CARRIERS = """CREATE TABLE worst_carriers AS
  SELECT carrier, COUNT(*) AS flights, COUNT(arr_delay) AS arrived, AVG(arr_delay) AS mean_arr_delay
  FROM flights
  GROUP BY carrier
  EMIT CHANGES;"""

# A window is kept for pull queries for as long as its RETENTION, which counts back from now: these are from 2013.
HOURLY = f"""CREATE TABLE hourly_departures AS
  SELECT origin, COUNT(*) AS scheduled, COUNT(dep_delay) AS departed, AVG(dep_delay) AS mean_dep_delay
  FROM flights
  WINDOW TUMBLING (SIZE {WINDOW_MS // 3_600_000} HOUR, RETENTION 10000 DAYS, GRACE PERIOD {GRACE_MS // 60_000} MINUTES)
  GROUP BY origin
  EMIT CHANGES;"""

LIVE = "SELECT carrier, airline, origin, dest, dep_delay FROM delayed_flights EMIT CHANGES LIMIT {limit};"
ALL_CARRIERS = "SELECT carrier, flights, arrived, mean_arr_delay FROM worst_carriers;"
ALL_HOURS = "SELECT origin, windowstart, windowend, scheduled, departed, mean_dep_delay FROM hourly_departures;"
ONE_DAY = (
    "SELECT origin, windowstart, scheduled, departed, mean_dep_delay FROM hourly_departures WHERE origin = 'JFK'"
    " AND windowstart >= '{start}' AND windowstart < '{end}';"
)

TO_PASTE = (
    "SELECT carrier, flights, mean_arr_delay FROM worst_carriers WHERE carrier = 'F9';",
    (
        "SELECT origin, scheduled, mean_dep_delay FROM hourly_departures WHERE origin = 'JFK'"
        " AND windowstart >= '2013-02-08T20:00:00' AND windowstart < '2013-02-09T02:00:00';"
    ),
    (
        "SET 'auto.offset.reset'='earliest'; SELECT airline, origin, dest, dep_delay FROM delayed_flights"
        " WHERE dep_delay > 120 EMIT CHANGES LIMIT 5;"
    ),
)
