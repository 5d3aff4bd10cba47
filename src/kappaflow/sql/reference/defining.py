"""Statements that define and remove streams, tables and types."""

from __future__ import annotations

from kappaflow.sql.reference.topic import Topic

_ORDERS = """CREATE STREAM orders (id INT KEY, item STRING, amount INT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
"""

DEFINING = (
    Topic(
        "create-stream",
        "CREATE STREAM",
        "CREATE [OR REPLACE] [SOURCE] STREAM [IF NOT EXISTS] name\n"
        "  [(column type [KEY | HEADERS | HEADER('key')], ..)] WITH (property = value, ..)",
        "Declares the records of a topic as a stream: each record is a row of its own. The topic is created where it is"
        " missing and PARTITIONS says its size. Columns may be left out for formats that keep schemas in a registry."
        "\n\n"
        "A KEY column is read from the record's key, HEADERS columns from its headers. SOURCE makes the stream"
        " read-only. OR REPLACE adds columns to a stream that exists.",
        _ORDERS + "INSERT INTO orders (ROWTIME, id, item, amount) VALUES (1000, 7, 'pen', 3);\n"
        "SELECT ROWTIME, id, item, amount FROM orders EMIT CHANGES;",
    ),
    Topic(
        "create-table",
        "CREATE TABLE",
        "CREATE [OR REPLACE] [SOURCE] TABLE [IF NOT EXISTS] name\n"
        "  [(column type [PRIMARY KEY | HEADERS | HEADER('key')], ..)] WITH (property = value, ..)",
        "Declares a topic as a table: the last record of a key is its row, and a record without a value removes it. A"
        " table has a PRIMARY KEY. A SOURCE TABLE is read-only and kept by an internal query, so that pull queries can"
        " look into it.",
        "CREATE SOURCE TABLE users (id INT PRIMARY KEY, name STRING)\n"
        "  WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        "SHOW TABLES;",
    ),
    Topic(
        "create-stream-as-select",
        "CREATE STREAM AS SELECT",
        "CREATE [OR REPLACE] STREAM [IF NOT EXISTS] name [WITH (property = value, ..)] AS query",
        "Starts a query that runs until it is terminated and writes its rows to a new topic. Formats and the number of"
        " partitions are those of the leftmost source unless WITH says otherwise. The projection names the key columns;"
        " PARTITION BY gives the stream another key.",
        _ORDERS + "CREATE STREAM large_orders AS SELECT id, UCASE(item) AS item, amount FROM orders WHERE amount > 2;\n"
        "INSERT INTO orders (id, item, amount) VALUES (1, 'pen', 3);\n"
        "INSERT INTO orders (id, item, amount) VALUES (2, 'ink', 1);\n"
        "SELECT * FROM large_orders EMIT CHANGES;",
    ),
    Topic(
        "create-table-as-select",
        "CREATE TABLE AS SELECT",
        "CREATE [OR REPLACE] TABLE [IF NOT EXISTS] name [WITH (property = value, ..)] AS query",
        "Starts a query whose result is a table: an aggregation (GROUP BY), or a projection, filter or join of tables."
        " Its state can be read by pull queries.",
        _ORDERS + "CREATE TABLE totals AS SELECT item, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY item;\n"
        "INSERT INTO orders (id, item, amount) VALUES (1, 'pen', 3);\n"
        "INSERT INTO orders (id, item, amount) VALUES (2, 'pen', 4);\n"
        "SELECT * FROM totals WHERE item = 'pen';",
    ),
    Topic(
        "alter",
        "ALTER STREAM, ALTER TABLE",
        "ALTER STREAM|TABLE name ADD [COLUMN] column type [, ..]",
        "Adds value columns to a declared stream or table. Results of CREATE AS and SOURCE objects are not altered.",
        _ORDERS + "ALTER STREAM orders ADD COLUMN price DOUBLE;\nDESCRIBE orders;",
    ),
    Topic(
        "drop",
        "DROP STREAM, DROP TABLE",
        "DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]",
        "Removes a stream or table. Dropping the result of CREATE AS ends the query that writes it. What another stream"
        " or table was made from, or INSERT INTO reads or writes, is not dropped. DELETE TOPIC removes the topic and"
        " its schemas too.",
        _ORDERS + "DROP STREAM orders DELETE TOPIC;\nSHOW STREAMS;",
    ),
    Topic(
        "create-type",
        "CREATE TYPE",
        "CREATE TYPE [IF NOT EXISTS] name AS type",
        "Names a type, for columns and casts. The name is replaced by the type when a statement uses it, so later"
        " changes do not reach what exists.",
        "CREATE TYPE address AS STRUCT<city STRING, zip INT>;\nSHOW TYPES;",
    ),
    Topic(
        "drop-type",
        "DROP TYPE",
        "DROP TYPE [IF EXISTS] name",
        "Removes the name of a type.",
        "CREATE TYPE money AS DECIMAL(10, 2);\nDROP TYPE money;\nSHOW TYPES;",
    ),
    Topic(
        "insert-values",
        "INSERT VALUES",
        "INSERT INTO name [(column, ..)] VALUES (expression, ..)",
        "Writes one row. Columns that are left out are NULL; ROWTIME sets the record's time. Expressions have no"
        " columns. SOURCE objects, windowed sources and header columns are refused.",
        _ORDERS + "INSERT INTO orders (ROWTIME, id, item) VALUES (1000, 1 + 1, CONCAT('p', 'en'));\n"
        "SELECT ROWTIME, id, item, amount FROM orders EMIT CHANGES;",
    ),
    Topic(
        "insert-into",
        "INSERT INTO SELECT",
        "INSERT INTO name [WITH (QUERY_ID = 'id')] query",
        "Starts a query that writes into a stream that exists. Its columns must be the stream's, in order and type."
        " Several queries may write one stream.",
        _ORDERS + "CREATE STREAM returns (id INT KEY, item STRING, amount INT)\n"
        "  WITH (KAFKA_TOPIC='returns', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        "INSERT INTO orders WITH (QUERY_ID='negated') SELECT id, item, -amount AS amount FROM returns;\n"
        "INSERT INTO returns (id, item, amount) VALUES (1, 'pen', 3);\n"
        "SELECT * FROM orders EMIT CHANGES;",
    ),
)
