"""Push, pull and INSERT VALUES as the engine hands them out."""

import pytest

from kappaflow.errors import StatementError
from kappaflow.serde.schema_registry import MemorySchemaRegistry
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import Bounds
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.record import Record, Windowed
from kappaflow.testing.batch_driver import BatchTopologyDriver

SCRIPT = """
CREATE STREAM S (ID INT KEY, V INT, N STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
CREATE TABLE COUNTS AS SELECT ID, COUNT(*) AS C, COUNT(*) + 1 AS D FROM S GROUP BY ID HAVING COUNT(*) > 1;
CREATE TABLE HOURLY AS SELECT ID, COUNT(*) AS C FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY ID;
CREATE TABLE PLAIN (ID INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON');
CREATE SOURCE TABLE KEPT (ID INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON');
"""


class AnyTopic:
    def describe(self, name: str) -> TopicInfo:
        del name
        return TopicInfo(1, 1)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(topics=AnyTopic())
    for number, parsed in enumerate(engine.parse(SCRIPT)):
        engine.apply(engine.plan(parsed, {}, number))
    return engine


def test_push_query_gives_its_columns_in_select_order(engine: Engine) -> None:
    query = engine.plan_push("SELECT N, ID, V * 2 FROM S WHERE V > 1 EMIT CHANGES LIMIT 3;")
    assert str(query.schema) == "`N` STRING, `ID` INTEGER, `KSQL_COL_0` INTEGER"
    assert (query.limit, query.source_topics) == (3, ("s",))
    driver = BatchTopologyDriver(query.build_topology())
    driver.pipe(RawRecord("s", b"\0\0\0\7", b'{"V": 1, "N": "a"}', 5))
    driver.pipe(RawRecord("s", b"\0\0\0\7", b'{"V": 2, "N": "b"}', 6))
    assert [record.value for record in driver.results] == [("b", 7, 4)]


def test_push_query_without_group_by_counts_everything(engine: Engine) -> None:
    driver = BatchTopologyDriver(engine.plan_push("SELECT COUNT(*) FROM S EMIT CHANGES;").build_topology())
    driver.pipe(RawRecord("s", None, b'{"V": 1}', 0))
    driver.pipe(RawRecord("s", b"\0\0\0\1", b'{"V": 1}', 0))
    assert [record.value for record in driver.results] == [(1,), (2,)]


def test_pull_query_looks_keys_up(engine: Engine) -> None:
    query = engine.plan_pull("SELECT C, ID FROM COUNTS WHERE ID IN (1, 2) AND C > 0;")
    assert query.query_id == "CTAS_COUNTS_1"
    assert query.keys == ((1,), (2,))
    assert str(query.schema) == "`C` BIGINT, `ID` INTEGER KEY"


def test_pull_query_reads_rows_as_the_table_has_them(engine: Engine) -> None:
    maker = engine.metastore.queries["CTAS_COUNTS_1"]
    driver = BatchTopologyDriver(maker.build_topology())
    for _ in range(3):
        driver.pipe(RawRecord("s", b"\0\0\0\1", b'{"V": 1}', 9))
    driver.pipe(RawRecord("s", b"\0\0\0\2", b'{"V": 1}', 9))
    query = engine.plan_pull("SELECT ID, D, ROWTIME FROM COUNTS;")
    assert query.keys is None
    assert query.store is not None
    store = driver.stores[query.store]
    rows = {}
    for number in (1, 2):
        found = store.get(bytes([0, 0, 0, number]))
        assert found is not None
        rows[number] = query.answer(Record((number,), found[0], found[1]))
    assert rows == {1: (1, 4, 9), 2: None}


def test_pull_query_narrows_windows(engine: Engine) -> None:
    query = engine.plan_pull(
        "SELECT * FROM HOURLY WHERE ID = 1 AND WINDOWSTART >= '2020-01-01' AND WINDOWEND < 1577840400001;"
    )
    assert query.window_start == Bounds(low=1577836800000)
    assert query.window_end == Bounds(high=1577840400000)
    assert query.is_windowed
    assert str(query.schema) == "`ID` INTEGER KEY, `WINDOWSTART` BIGINT KEY, `WINDOWEND` BIGINT KEY, `C` BIGINT"
    row = Record(Windowed((1,), 1577836800000, 1577840400000), (4,), 5)
    assert query.answer(row) == (1, 1577836800000, 1577840400000, 4)


def test_pull_query_on_a_source_table(engine: Engine) -> None:
    query = engine.plan_pull("SELECT * FROM KEPT WHERE ID = 3;")
    assert (query.query_id, query.keys) == ("CST_KEPT_4", ((3,),))
    assert query.answer(Record((3,), (8,), 0)) == (3, 8)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM PLAIN;", "The `PLAIN` table isn't queryable"),
        ("SELECT ID, COUNT(*) FROM COUNTS GROUP BY ID;", "Pull queries don't support GROUP BY clauses"),
        ("SELECT * FROM COUNTS WINDOW TUMBLING (SIZE 1 HOUR);", "Pull queries don't support WINDOW clauses"),
        ("SELECT * FROM COUNTS A JOIN KEPT B ON A.ID = B.ID;", "Pull queries don't support JOIN clauses"),
        ("SELECT COUNT(*) FROM COUNTS;", "Pull queries don't support aggregate functions"),
        ("SELECT ROWPARTITION FROM COUNTS;", "don't support the following columns in SELECT clauses: `ROWPARTITION`"),
        (
            "SELECT ID FROM COUNTS WHERE ROWOFFSET > 1;",
            "don't support the following columns in WHERE clauses: `ROWOFFSET`",
        ),
        ("SELECT * FROM COUNTS WHERE WINDOWSTART > 1;", "WHERE column 'WINDOWSTART' cannot be resolved"),
        ("SELECT * FROM COUNTS LIMIT -1;", "don't support negative integers in the LIMIT clause"),
        ("SELECT * FROM COUNTS WHERE ID = NULL;", "Comparison with NULL not supported: INTEGER = NULL"),
        (
            "SELECT * FROM COUNTS WHERE ID IN ('10', 8);",
            "'10' can not be converted to the type of the key column: ID INTEGER KEY",
        ),
        (
            "SELECT * FROM COUNTS WHERE ID LIKE 'a';",
            "The column type for Like condition must be VARCHAR. The column type is INTEGER",
        ),
        ("SELECT NOPE FROM COUNTS;", "SELECT column 'NOPE' cannot be resolved"),
    ],
)
def test_pull_query_refuses(engine: Engine, statement: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        engine.plan_pull(statement)


def test_table_scan_can_be_forbidden(engine: Engine) -> None:
    forbid = {"ksql.query.pull.table.scan.enabled": "false"}
    with pytest.raises(StatementError, match="requires table scan to be enabled"):
        engine.plan_pull("SELECT * FROM COUNTS;", forbid)
    assert engine.plan_pull("SELECT * FROM COUNTS WHERE ID = 1;", forbid).keys == ((1,),)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("D > 1", r"WHERE clause missing key column for disjunct: \(D > 1\)"),
        ("ID <> 1", r"Bound on key columns '\[`ID` INTEGER KEY\]' must currently be '='\. "),
        ("ID > 1 AND ID < 9", "cannot be combined with other comparisons such as an IN predicate"),
        ("ID = 1 AND ID IN (1, 2)", "cannot be combined with other comparisons such as an IN predicate"),
        ("ID = D", "A comparison must be between a key column and a resolvable expression"),
        ("ID IN (1, D)", "A comparison must be between a key column and a resolvable expression"),
        ("ID < 1 OR ID > 9", "Query requires table scan to be enabled"),
        ("ID = 1 OR D = 1", r"WHERE clause missing key column for disjunct: \(D = 1\)"),
        ("ID IS NULL", "Unsupported expression in WHERE clause"),
    ],
)
def test_conditions_that_need_a_table_scan(engine: Engine, where: str, message: str) -> None:
    statement = f"SELECT * FROM COUNTS WHERE {where};"
    engine.plan_pull(statement)
    with pytest.raises(StatementError, match=message):
        engine.plan_pull(statement, {"ksql.query.pull.table.scan.enabled": "false"})


def test_a_range_of_one_key_needs_no_table_scan(engine: Engine) -> None:
    forbid = {"ksql.query.pull.table.scan.enabled": "false"}
    engine.plan_pull("SELECT * FROM COUNTS WHERE ID >= 3 AND D = 1;", forbid)
    with pytest.raises(StatementError, match="Query requires table scan"):
        engine.plan_pull(
            "SELECT * FROM COUNTS WHERE ID >= 3;", forbid | {"ksql.query.pull.range.scan.enabled": "false"}
        )


def test_limits_of_pull_queries_can_be_forbidden(engine: Engine) -> None:
    with pytest.raises(StatementError, match="LIMIT clause in pull queries is currently disabled"):
        engine.plan_pull("SELECT * FROM COUNTS LIMIT 1;", {"ksql.query.pull.limit.clause.enabled": "false"})


def test_insert_values_serialises_one_row(engine: Engine) -> None:
    record = engine.insert_values("INSERT INTO S (ROWTIME, ID, N) VALUES (1234, 5, 'x');")
    assert (record.topic, record.timestamp) == ("s", 1234)
    assert (record.key, record.value) == (b"\0\0\0\5", b'{"V":null,"N":"x"}')
    assert engine.insert_values("INSERT INTO S VALUES (5, 6, 'x');").timestamp is None


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("INSERT INTO NOPE VALUES (1);", "unknown stream/table: `NOPE`"),
        ("INSERT INTO S VALUES (1);", "Expected number columns and values to match"),
        (
            "INSERT INTO S (ID, NOPE) VALUES (1, 2);",
            "Failed to insert values into 'S'. Column name `NOPE` does not exist",
        ),
        ("INSERT INTO S (ID, ROWOFFSET) VALUES (1, 2);", "Inserting into column `ROWOFFSET` is not allowed"),
        (
            "INSERT INTO S VALUES ('x', 1, 'y');",
            "Failed to insert values into 'S'. The value of column `ID` does not fit",
        ),
        (
            "INSERT INTO S (ID, V) VALUES (1, 1.5);",
            "Failed to insert values into 'S'. Expected type INTEGER for field `V`",
        ),
        ("INSERT INTO KEPT VALUES (1, 2);", "Cannot insert values into read-only table: KEPT"),
        ("INSERT INTO HOURLY VALUES (1, 2);", "Cannot insert values into windowed stream/table"),
        ("INSERT INTO PLAIN (V) VALUES (2);", "primary key"),
    ],
)
def test_insert_values_refuses(engine: Engine, statement: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        engine.insert_values(statement)


@pytest.mark.parametrize("value_format", ["PROTOBUF", "PROTOBUF_NOSR", "AVRO", "JSON_SR", "JSON"])
def test_what_a_join_keeps_comes_back_from_its_log_with_its_nulls(value_format: str) -> None:
    engine = Engine(topics=AnyTopic(), registry=MemorySchemaRegistry())
    with_format = f"VALUE_FORMAT='{value_format}'"
    for number, text in enumerate(
        (
            f"CREATE TABLE A (ID INT PRIMARY KEY, N STRING) WITH (KAFKA_TOPIC='a', {with_format});",
            f"CREATE TABLE B (ID INT PRIMARY KEY, V BIGINT, T STRING) WITH (KAFKA_TOPIC='b', {with_format});",
            "CREATE TABLE J AS SELECT A.ID, N, V, T FROM A LEFT JOIN B ON A.ID = B.ID;",
        )
    ):
        engine.apply(engine.plan(text, {}, number))
    query = engine.metastore.queries["CTAS_J_2"]
    assert query.store is not None
    serde = next(store for store in query.build_topology().stores if store.name == query.store).value_serde
    row = tuple({"ID": 0, "N": ""}.get(column.name.split("_")[-1]) for column in serde.columns)
    assert None in row
    assert serde.deserialize(serde.serialize(row)) == row
