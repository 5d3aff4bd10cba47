"""Statements that ask: SELECT, SHOW, DESCRIBE, EXPLAIN, PRINT."""

from __future__ import annotations

from kappaflow.sql.reference.topic import Topic

_ORDERS = """CREATE STREAM orders (id INT KEY, item STRING, amount INT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
"""
_TOTALS = _ORDERS + "CREATE TABLE totals AS SELECT item, SUM(amount) AS total FROM orders GROUP BY item;\n"

ASKING = (
    Topic(
        "select-push",
        "SELECT: push queries",
        "SELECT item, .. FROM relation\n"
        "  [WINDOW window] [WHERE condition] [GROUP BY expression, ..] [PARTITION BY expression, ..]\n"
        "  [HAVING condition] EMIT CHANGES|FINAL [LIMIT n]\n"
        "item: * | source.* | struct->* | expression [[AS] name]\n"
        "relation: source [[AS] alias] [[INNER|LEFT|RIGHT|FULL [OUTER]] JOIN source [[AS] alias]\n"
        "  [WITHIN n unit | WITHIN (n unit, n unit)] [GRACE PERIOD n unit] ON condition] ..\n"
        "window: TUMBLING (SIZE n unit [, RETENTION n unit] [, GRACE PERIOD n unit])\n"
        "  | HOPPING (SIZE n unit, ADVANCE BY n unit [, RETENTION n unit] [, GRACE PERIOD n unit])\n"
        "  | SESSION (n unit [, RETENTION n unit] [, GRACE PERIOD n unit])",
        "With EMIT the query goes on until it is cancelled or LIMIT is reached, and sends a row for every change. The"
        " same query after CREATE .. AS runs on the server and writes a topic. EMIT FINAL gives the last result of a"
        " window with the record that ends its grace period, however far apart records are.",
        _ORDERS + "INSERT INTO orders (ROWTIME, id, item, amount) VALUES (1000, 1, 'pen', 3);\n"
        "INSERT INTO orders (ROWTIME, id, item, amount) VALUES (2000, 2, 'ink', 1);\n"
        "INSERT INTO orders (ROWTIME, id, item, amount) VALUES (63000, 3, 'pen', 4);\n"
        "SELECT item, WINDOWSTART AS begins, COUNT(*) AS n FROM orders\n"
        "  WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY item EMIT CHANGES;",
    ),
    Topic(
        "select-pull",
        "SELECT: pull queries",
        "SELECT item, .. FROM table|stream [WHERE condition] [LIMIT n]",
        "Without EMIT the query answers once, from the state of a table that a query keeps, or from what a stream's"
        " topic holds. A condition on the whole key is a look-up; WINDOWSTART and WINDOWEND narrow windows. Plans of"
        " look-ups of one shape are kept and used again.",
        _TOTALS + "INSERT INTO orders (id, item, amount) VALUES (1, 'pen', 3);\n"
        "INSERT INTO orders (id, item, amount) VALUES (2, 'ink', 5);\n"
        "SELECT item, total FROM totals WHERE item IN ('pen', 'ink') AND total > 3;",
    ),
    Topic(
        "show",
        "SHOW, LIST",
        "SHOW|LIST STREAMS|TABLES [EXTENDED] | [ALL] TOPICS [EXTENDED] | QUERIES [EXTENDED] | FUNCTIONS | TYPES\n"
        "  | PROPERTIES | VARIABLES | [SOURCE|SINK] CONNECTORS | CONNECTOR PLUGINS",
        "Lists what there is. There are no connectors: those two say what to use instead.",
        _TOTALS + "SHOW STREAMS;\nSHOW TABLES;\nSHOW QUERIES;",
    ),
    Topic(
        "describe",
        "DESCRIBE",
        "DESCRIBE name [EXTENDED]\nDESCRIBE STREAMS|TABLES [EXTENDED]",
        "Shows the columns of a stream or table; EXTENDED adds partitions and the queries that read and write it.",
        _TOTALS + "DESCRIBE totals;",
    ),
    Topic(
        "describe-function",
        "DESCRIBE FUNCTION",
        "DESCRIBE FUNCTION name",
        "Shows what a function does and its signatures.",
        "DESCRIBE FUNCTION substring;",
    ),
    Topic(
        "explain",
        "EXPLAIN",
        "EXPLAIN [ANALYZE] query | query_id",
        "Shows how a query runs: the steps of the plan, the topology, and which steps run as columns. ANALYZE adds"
        " the figures of a query that runs.",
        _ORDERS + "EXPLAIN SELECT item, amount * 2 AS twice FROM orders WHERE amount > 1 EMIT CHANGES;",
    ),
    Topic(
        "print",
        "PRINT",
        "PRINT topic [FROM BEGINNING] [INTERVAL|SAMPLE n] [LIMIT n]",
        "Shows the records of a topic, whether or not a stream is declared over it; formats are guessed. INTERVAL n"
        " shows every nth record.",
        _ORDERS + "INSERT INTO orders (ROWTIME, id, item, amount) VALUES (1000, 1, 'pen', 3);\n"
        "PRINT 'orders' FROM BEGINNING LIMIT 1;",
    ),
    Topic(
        "assert-topic",
        "ASSERT TOPIC",
        "ASSERT [NOT EXISTS] TOPIC name [WITH (PARTITIONS = n, REPLICAS = n)] [TIMEOUT n unit]",
        "Fails where a topic is missing or another one than expected, after waiting for at most the time-out (one"
        " second). With NOT EXISTS it fails where the topic is there.",
        _ORDERS + "ASSERT TOPIC orders WITH (PARTITIONS=1);\nASSERT NOT EXISTS TOPIC others;",
    ),
    Topic(
        "assert-schema",
        "ASSERT SCHEMA",
        "ASSERT [NOT EXISTS] SCHEMA [SUBJECT name] [ID n] [TIMEOUT n unit]",
        "Fails where the registry does not hold a schema.",
        "CREATE STREAM readings (v DOUBLE) WITH (KAFKA_TOPIC='readings', VALUE_FORMAT='AVRO', PARTITIONS=1);\n"
        "INSERT INTO readings (v) VALUES (1.5);\n"
        "ASSERT SCHEMA SUBJECT 'readings-value';",
    ),
)
