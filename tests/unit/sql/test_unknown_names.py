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
