"""Statements about queries, the session and the server."""

from __future__ import annotations

from kappaflow.sql.reference.topic import Topic

_QUERY = """CREATE STREAM orders (id INT KEY, amount INT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM doubled WITH (QUERY_ID='twice') AS SELECT id, amount * 2 AS amount FROM orders;
""".replace(" WITH (QUERY_ID='twice')", "")

CONTROLLING = (
    Topic(
        "terminate",
        "TERMINATE",
        "TERMINATE query_id|ALL",
        "Ends a query for good. Its stream or table and its topic stay.",
        _QUERY + "TERMINATE ALL;\nSHOW QUERIES;",
    ),
    Topic(
        "pause",
        "PAUSE",
        "PAUSE query_id|ALL",
        "Stops processing; the query keeps its state, and pull queries still see it.",
        _QUERY + "PAUSE ALL;\nINSERT INTO orders (id, amount) VALUES (1, 2);\nSHOW QUERIES;",
    ),
    Topic(
        "resume",
        "RESUME",
        "RESUME query_id|ALL",
        "Goes on with a paused query where it stopped.",
        _QUERY + "PAUSE ALL;\nRESUME ALL;\nSHOW QUERIES;",
    ),
    Topic(
        "set",
        "SET",
        "SET 'property' = 'value'",
        "Sets a property for the statements that follow in the session. A query keeps those that it was created with.",
        "SET 'auto.offset.reset' = 'earliest';\nSHOW PROPERTIES;",
    ),
    Topic(
        "unset",
        "UNSET",
        "UNSET 'property'",
        "Takes a property back to the server's value.",
        "SET 'auto.offset.reset' = 'earliest';\nUNSET 'auto.offset.reset';\nSHOW PROPERTIES;",
    ),
    Topic(
        "alter-system",
        "ALTER SYSTEM",
        "ALTER SYSTEM 'property' = 'value'",
        "Is understood and refused: properties of the server are said when it starts, those of a session with SET.",
        "ALTER SYSTEM 'ksql.streams.commit.interval.ms' = '500';",
    ),
    Topic(
        "define",
        "DEFINE",
        "DEFINE name = 'text'",
        "Names a text that `${name}` stands for in the statements that follow.",
        "DEFINE topic = 'orders';\n"
        "CREATE STREAM s (v INT) WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        "SHOW STREAMS;",
    ),
    Topic(
        "undefine",
        "UNDEFINE",
        "UNDEFINE name",
        "Forgets a variable.",
        "DEFINE topic = 'orders';\nUNDEFINE topic;\nSHOW VARIABLES;",
    ),
    Topic(
        "connectors",
        "CREATE CONNECTOR, DROP CONNECTOR, DESCRIBE CONNECTOR",
        "CREATE SOURCE|SINK CONNECTOR name WITH (property = value, ..)\nDROP CONNECTOR name\nDESCRIBE CONNECTOR name",
        "There are no connectors. The statements are understood and refused, and say what to use instead.",
        "CREATE SOURCE CONNECTOR files WITH ('connector.class' = 'FileStreamSource');",
    ),
    Topic(
        "testing",
        "ASSERT VALUES, ASSERT STREAM, ASSERT TABLE, RUN SCRIPT",
        "ASSERT [NULL] VALUES name (column, ..) VALUES (expression, ..)\n"
        "ASSERT STREAM|TABLE name (column type, ..) WITH (property = value, ..)\n"
        "RUN SCRIPT 'file'",
        "Statements of test files, which `kappa sql test` runs without a broker. ASSERT VALUES holds the next row of"
        " a stream or table, ASSERT STREAM and ASSERT TABLE a declaration; RUN SCRIPT runs a file beside the test.",
        _QUERY + "INSERT INTO orders (id, amount) VALUES (1, 21);\nASSERT VALUES doubled (id, amount) VALUES (1, 42);",
    ),
)
