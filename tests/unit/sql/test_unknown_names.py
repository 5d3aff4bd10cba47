"""A name that there is not is told with its place and the name that was probably meant."""

from __future__ import annotations

import pytest

from kappaflow.errors import StatementError
from kappaflow.sql.ast.statements import InsertValues, Query
from kappaflow.sql.engine import Engine

SOURCES = """
CREATE STREAM s (k STRING KEY, v INT, d DECIMAL(4, 2), t TIMESTAMP)
  WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TYPE address AS STRUCT<street STRING>;
"""
# A caret stands before what is wrong.
WRONG = [
    (
        "CREATE STREAM z (a ^VARCHA) WITH (kafka_topic='z', format='JSON');",
        "unknown type: VARCHA. Did you mean VARCHAR?",
    ),
    (
        "CREATE STREAM z (a ARRAY<STRUCT<b ^BIGIN>>) WITH (kafka_topic='z', format='JSON');",
        "BIGIN. Did you mean BIGINT?",
    ),
    ("CREATE TYPE z AS MAP<STRING, ^adress>;", "ADRESS. Did you mean ADDRESS?"),
    ("ALTER STREAM s ADD COLUMN z ^`integr`;", "Cannot resolve unknown type: integr. Did you mean INTEGER?"),
    ("CREATE STREAM z AS SELECT k, CAST(v AS ^DECIML) FROM s;", "DECIML. Did you mean DECIMAL?"),
    (
        "CREATE STREAM z (a ^FLOAT) WITH (kafka_topic='z', format='JSON');",
        "unknown type: FLOAT. Types are BOOLEAN, INTEGER,",
    ),
    ("CREATE STREAM z AS SELECT k, ^UCAS(k) FROM s;", "functions with the name 'UCAS'. Did you mean UCASE?"),
    ("CREATE STREAM z (a INT) WITH (kafka_topic='z', format=^'JSN');", "Unknown format: JSN. Did you mean JSON?"),
    ("CREATE STREAM z WITH (value_format=^JSN) AS SELECT * FROM s;", "Unknown format: JSN. Did you mean JSON?"),
    ("CREATE STREAM z WITH (key_format=^'XML') AS SELECT * FROM s;", "Unknown format: XML. Formats are KAFKA, JSON,"),
    ("CREATE STREAM z (a INT) WITH (^kafka_topc='z', x='JSON');", "clause: KAFKA_TOPC,X. Did you mean KAFKA_TOPIC?"),
    ("CREATE STREAM z WITH (^'value-format'='JSON') AS SELECT * FROM s;", "VALUE-FORMAT. Did you mean VALUE_FORMAT?"),
    ("INSERT INTO s WITH (^ID='x') SELECT k, v, d, t FROM s;", "Invalid config variable(s) in the WITH clause: ID"),
    ("CREATE STREAM z WITH (timestamp=^'tt2') AS SELECT k, t AS t2 FROM s;", "in the schema: 'TT2'. Did you mean T2?"),
    ("CREATE STREAM z WITH (partitions=^0) AS SELECT * FROM s;", "PARTITIONS must be at least 1, got 0."),
    ("CREATE STREAM z WITH (replicas=^'a') AS SELECT * FROM s;", "a for property REPLICAS: Not a number of type INT"),
    (
        "CREATE STREAM z WITH (value_delimiter=^'ab', value_format='DELIMITED') AS SELECT * FROM s;",
        "delimiter value: 'ab'",
    ),
    ("CREATE STREAM z WITH (format=^'JSON', key_delimiter=';') AS SELECT * FROM s;", "does not support"),
    ("INSERT INTO s (k, ^vv) VALUES ('a', 1);", "`VV` does not exist in stream/table `S`. Did you mean V?"),
    ("INSERT INTO s (k, ^k) VALUES ('a', 1);", "Duplicate column names: `K`"),
    ("INSERT INTO s (k, ^rowoffset) VALUES ('a', 1);", "Inserting into column `ROWOFFSET` is not allowed."),
    ("INSERT INTO s (k, v) VALUES ('a', 1, ^2);", "columns and values to match: 2, 3. The columns are K, V."),
    ("INSERT INTO s VALUES ('a', ^1);", "columns and values to match: 4, 2. The columns are K, V, D, T."),
    (
        "INSERT INTO s (k, v) VALUES ('a', ^'x');",
        "Failed to insert values into 'S'. The value of column `V` does not fit INTEGER: ",
    ),
    ("INSERT INTO s (k, v) VALUES ('a', ^99999999999);", "Expected type INTEGER for field `V` but got BIGINT"),
    ("INSERT INTO s (k, v) VALUES ('a', 1 + ^LENN('x'));", "with the name 'LENN'. Did you mean LEN?"),
    ("INSERT INTO s (k, v) VALUES ('a', ^COUNT(1));", "Aggregate functions cannot be used in VALUES: COUNT."),
    ("INSERT INTO s (k, v) VALUES ('a', 1 + ^nope.x);", "'NOPE' is not a valid stream/table name or alias."),
    ("INSERT INTO s (rowtime, k) VALUES (^-1, 'a');", "ROWTIME must be non-negative, got -1."),
    ("INSERT INTO ^ss (k) VALUES ('a');", "unknown stream/table: `SS`\nDid you mean S?"),
    ("INSERT INTO ^ss SELECT k, v, d, t FROM s;", "Sink does not exist for the INSERT INTO statement: `SS`"),
    ("DROP STREAM ^ss;", "Stream SS does not exist.\nDid you mean S?"),
    ("DROP TYPE ^adress;", "Type ADRESS does not exist. Did you mean ADDRESS?"),
    ("ALTER STREAM ^ss ADD COLUMN x INT;", "Source SS does not exist.\nDid you mean S?"),
    (
        "INSERT INTO s (k, v) VALUES ('a', ^1.5);",
        "Failed to insert values into 'S'. Expected type INTEGER for field `V`",
    ),
    ("CREATE TABLE z AS SELECT k, ^coutn(*) FROM s GROUP BY k;", "name 'COUTN'. Did you mean COUNT?"),
]


@pytest.mark.parametrize(("marked", "told"), WRONG)
def test_says_where_and_what_was_meant(marked: str, told: str) -> None:
    made = Engine()
    for number, statement in enumerate(made.parse(SOURCES)):
        made.apply(made.plan(statement, {}, number))
    (statement,) = made.parse("\n  " + marked.replace("^", ""))
    with pytest.raises(StatementError) as caught:
        match statement.statement:
            case InsertValues():
                made.insert_values(statement)
            case Query(emit=None):
                made.plan_pull(statement)
            case _:
                made.plan(statement)
    message = str(caught.value)
    assert told in message
    assert message.startswith(f"Line: 2, Col: {marked.index('^') + 3}: ")
