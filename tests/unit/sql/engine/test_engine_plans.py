"""The engine's face: plans that replay, sandboxes, references between sources and queries."""

from collections.abc import Mapping

import pytest

from kappaflow.errors import ParseError, StatementError
from kappaflow.sql.engine import Engine
from kappaflow.sql.physical.steps import Step
from kappaflow.sql.physical.topology import StepBuilder
from kappaflow.sql.queries import QueryState
from kappaflow.sql.statement_plan import CreateTopic, DeleteTopic, TopicInfo
from kappaflow.streams.topology import Topology

STREAM = "CREATE STREAM S (ID INT KEY, V INT, N STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
TABLE = "CREATE TABLE T AS SELECT N, COUNT(*) AS C FROM S GROUP BY N;"


class Topics:
    def __init__(self, known: Mapping[str, TopicInfo]) -> None:
        self.known = dict(known)

    def describe(self, name: str) -> TopicInfo | None:
        return self.known.get(name)


def engine_with(*statements: str) -> Engine:
    engine = Engine(topics=Topics({"s": TopicInfo(3, 2)}))
    for number, statement in enumerate(statements):
        engine.apply(engine.plan(statement, {}, number))
    return engine


def test_create_as_plans_sink_topic_like_its_source() -> None:
    plan = engine_with(STREAM).plan(TABLE, {}, 7)
    assert plan.topic_actions == (CreateTopic("T", 3, 2, {"cleanup.policy": "compact"}),)
    assert plan.query is not None
    assert plan.query.id == "CTAS_T_7"
    assert plan.query.application_id("default_") == "_confluent-ksql-default_query_CTAS_T_7"
    assert str(plan.query.schema) == "`N` STRING KEY, `C` BIGINT"
    assert plan.command == ("table", "`T`", "create")


def test_planning_changes_nothing() -> None:
    engine = engine_with(STREAM)
    engine.plan(TABLE)
    assert set(engine.metastore.sources) == {"S"}
    assert not engine.metastore.queries


def test_replay_of_stored_plans_gives_the_same_state_without_topics() -> None:
    engine = engine_with(STREAM)
    plans = [engine.plan(STREAM.replace("S (", "S2 (")), engine.plan(TABLE, {"auto.offset.reset": "latest"}, 1)]
    documents = [engine_with().plan(STREAM).to_json(), *(plan.to_json() for plan in plans)]
    other = Engine()
    for document in documents:
        other.replay(document)
    assert set(other.metastore.sources) == {"S", "S2", "T"}
    assert other.metastore.queries["CTAS_T_1"].properties == {"auto.offset.reset": "latest"}
    source = other.metastore.sources["T"]
    assert source.created_by == "CTAS_T_1"
    assert source.statement == TABLE


def test_what_was_accepted_is_not_built_again_until_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = StepBuilder.build

    def counted(self: StepBuilder, root: Step, application_id: str) -> Topology:
        built.append(application_id)
        return build(self, root, application_id)

    monkeypatch.setattr(StepBuilder, "build", counted)
    engine, other = engine_with(STREAM), engine_with(STREAM)
    plan = engine.plan(TABLE, {}, 1)
    assert len(built) == 1
    query = other.replay(plan.to_json()).query
    assert len(built) == 1
    assert query is not None
    assert plan.query is not None
    assert query.build_topology().describe() == plan.query.build_topology().describe()


def test_replay_refuses_plans_of_another_version() -> None:
    document = engine_with().plan(STREAM).to_json()
    with pytest.raises(StatementError, match="plan version 99"):
        Engine().replay({**document, "version": 99})


def test_replay_goes_by_the_configuration_of_the_day_of_the_statement() -> None:
    bare = "CREATE STREAM S (ID INT KEY, V INT) WITH (KAFKA_TOPIC='s');"
    config = {"ksql.persistence.default.format.value": "JSON", "ksql.suppress.enabled": "true"}
    engine = Engine(config=config, topics=Topics({"s": TopicInfo(3, 2)}))
    document = engine.plan(bare).to_json()
    assert document["settings"]["ksql.persistence.default.format.value"] == "JSON"
    assert document["settings"]["ksql.persistence.default.format.key"] == ""
    other = Engine(config={"ksql.persistence.default.format.key": "AVRO"})
    source = other.replay(document).ddl
    assert other.metastore.sources["S"].value_format.name == "JSON"
    assert other.metastore.sources["S"].key_format.name == "KAFKA"
    assert source == engine.plan(bare).ddl


def test_a_limit_of_queries_is_for_new_ones() -> None:
    engine = engine_with(STREAM, TABLE)
    document = engine.plan("CREATE STREAM X AS SELECT * FROM S;", query_number=2).to_json()
    engine.config["ksql.query.persistent.active.limit"] = "1"
    with pytest.raises(StatementError, match=r"Current persistent query count: 1\. Configured limit: 1\."):
        engine.plan("CREATE STREAM X AS SELECT * FROM S;", {"ksql.query.persistent.active.limit": "9"}, 2)
    engine.plan(TABLE.replace("CREATE", "CREATE OR REPLACE"))
    engine.replay(document)
    assert set(engine.metastore.queries) == {"CTAS_T_1", "CSAS_X_2"}


def test_replay_of_an_invalid_command_changes_nothing() -> None:
    document = engine_with(STREAM).plan(TABLE).to_json()
    other = Engine()
    with pytest.raises(StatementError, match="S does not exist"):
        other.replay(document)
    assert not other.metastore.sources


def test_sandbox_keeps_what_it_does_to_itself() -> None:
    engine = engine_with(STREAM)
    sandbox = engine.sandbox()
    sandbox.apply(sandbox.plan(TABLE))
    assert "T" in sandbox.metastore.sources
    assert "T" not in engine.metastore.sources


def test_drop_ends_the_query_that_made_the_source() -> None:
    engine = engine_with(STREAM, TABLE)
    plan = engine.plan("DROP TABLE T DELETE TOPIC;")
    assert plan.topic_actions == (DeleteTopic("T"),)
    engine.apply(plan)
    assert not engine.metastore.queries


def test_drop_refuses_what_another_was_made_from_also_when_its_query_has_ended() -> None:
    engine = engine_with(STREAM, TABLE)
    for _ in range(2):
        with pytest.raises(
            StatementError, match=r"following streams and/or tables read from this source: \[T\]\.\nYou need to drop"
        ):
            engine.plan("DROP STREAM S;")
        if engine.metastore.queries:
            engine.apply(engine.plan("TERMINATE CTAS_T_1;"))
    engine.apply(engine.plan("DROP TABLE T;"))
    engine.apply(engine.plan("DROP STREAM S;"))
    assert not engine.metastore.sources


def test_drop_refuses_while_an_insert_into_reads_or_writes() -> None:
    engine = engine_with(STREAM)
    engine.apply(engine.plan("CREATE STREAM X AS SELECT * FROM S;", query_number=1))
    engine.apply(engine.plan("INSERT INTO X SELECT * FROM S;", query_number=2))
    reads, writes = "read from this source: [{}].", "write into this source: [{}]."
    with pytest.raises(StatementError) as refused:
        engine.plan("DROP STREAM X;")
    assert reads.format("") in str(refused.value)
    assert writes.format("INSERTQUERY_2") in str(refused.value)
    with pytest.raises(StatementError) as refused:
        engine.plan("DROP STREAM S;")
    assert reads.format("INSERTQUERY_2") in str(refused.value)
    assert writes.format("") in str(refused.value)


def test_drop_of_unknown_names() -> None:
    engine = engine_with(STREAM)
    with pytest.raises(StatementError, match="Stream NOPE does not exist"):
        engine.plan("DROP STREAM NOPE;")
    plan = engine.plan("DROP STREAM IF EXISTS NOPE;")
    assert plan.warning is not None
    assert plan.changes_nothing


def test_pause_resume_and_terminate_move_the_query() -> None:
    engine = engine_with(STREAM, TABLE)
    engine.apply(engine.plan("PAUSE CTAS_T_1;"))
    assert engine.metastore.queries["CTAS_T_1"].state is QueryState.PAUSED
    engine.apply(engine.plan("RESUME ALL;"))
    assert engine.metastore.queries["CTAS_T_1"].state is QueryState.RUNNING
    engine.apply(engine.plan("TERMINATE ctas_t_1;"))
    assert not engine.metastore.queries
    assert "T" in engine.metastore.sources
    with pytest.raises(StatementError, match="Unknown queryId"):
        engine.plan("TERMINATE CTAS_T_1;")


def test_insert_into_must_fit_the_sink() -> None:
    engine = engine_with(STREAM, "CREATE STREAM OUT AS SELECT ID, V FROM S;")
    plan = engine.plan("INSERT INTO OUT SELECT ID, V FROM S WHERE V > 1;", {}, 5)
    assert plan.query is not None
    assert plan.query.id == "INSERTQUERY_5"
    with pytest.raises(StatementError, match="Incompatible schema between results and sink"):
        engine.plan("INSERT INTO OUT SELECT ID, N FROM S;")


def test_partitions_must_be_given_for_a_new_topic_and_match_an_old_one() -> None:
    engine = engine_with()
    new = "CREATE STREAM X (V INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON'{});"
    with pytest.raises(StatementError, match="Topic 'x' does not exist"):
        engine.plan(new.format(""))
    assert engine.plan(new.format(", PARTITIONS=5")).topic_actions == (CreateTopic("x", 5, 1, {}),)
    with pytest.raises(StatementError, match=r"expects 5 partitions \(topic has 3\)"):
        engine.plan(STREAM.replace("'JSON'", "'JSON', PARTITIONS=5"))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("PARTITIONS=99999999999", "PARTITIONS: Not a number of type INT"),
        ("PARTITIONS='1_0'", "PARTITIONS: Not a number of type INT"),
        ("RETENTION_MS=9223372036854775808", "RETENTION_MS: Not a number of type LONG|Invalid numeric literal"),
        ("RETENTION_MS='9223372036854775808'", "RETENTION_MS: Not a number of type LONG"),
        ("WINDOW_TYPE='TUMBLING', WINDOW_SIZE='0 SECONDS'", "It must be longer than zero"),
        ("WINDOW_TYPE='TUMBLING', WINDOW_SIZE='\N{SUPERSCRIPT TWO} SECONDS'", "Not numeric"),
        ("WINDOW_TYPE='TUMBLING', WINDOW_SIZE='106751991168 DAYS'", "no longer than 9223372036854775807 ms"),
    ],
)
def test_numbers_of_properties_are_as_large_as_their_types(properties: str, message: str) -> None:
    with pytest.raises((StatementError, ParseError), match=message):
        engine_with().plan(f"CREATE STREAM X (K INT KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', {properties});")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("TOPK(V, NULL)", "k must be 1 or greater. Got NULL"),
        ("TOPK(V, 0)", "k must be 1 or greater. Got 0"),
        ("TOPK(V, N, CAST(NULL AS INT))", "k must be 1 or greater. Got NULL"),
        ("TOPKDISTINCT(V, NULL)", "k must be 1 or greater. Got NULL"),
        ("LATEST_BY_OFFSET(V, CAST(NULL AS INT))", "earliestN and latestN must be 1 or greater. Got NULL"),
        ("EARLIEST_BY_OFFSET(V, NULL, TRUE)", "earliestN and latestN must be 1 or greater. Got NULL"),
        ("LATEST_BY_OFFSET(V, 2, NULL)", "ignoreNulls must be TRUE or FALSE. Got NULL"),
        ("EARLIEST_BY_OFFSET(V, CAST(NULL AS BOOLEAN))", "ignoreNulls must be TRUE or FALSE. Got NULL"),
    ],
)
def test_how_many_values_an_aggregate_keeps_is_a_number(call: str, message: str) -> None:
    with pytest.raises(StatementError, match=f"^Line: 1, Col: 29: {message}"):
        engine_with(STREAM).plan(f"CREATE TABLE X AS SELECT N, {call} FROM S GROUP BY N;")


def test_joined_topics_must_have_the_same_partition_count() -> None:
    engine = Engine(topics=Topics({"a": TopicInfo(2, 1), "b": TopicInfo(3, 1)}))
    for name in "ab":
        engine.apply(
            engine.plan(
                f"CREATE TABLE {name} (K INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='{name}', VALUE_FORMAT='JSON');"
            )
        )
    with pytest.raises(StatementError, match="`A` partitions = 2; `B` partitions = 3"):
        engine.plan("CREATE TABLE C AS SELECT A.K, B.V FROM A JOIN B ON A.K = B.K;")


def test_custom_types_are_expanded_when_a_source_is_created() -> None:
    engine = engine_with("CREATE TYPE ADDRESS AS STRUCT<CITY STRING>;")
    engine.apply(
        engine.plan("CREATE STREAM P (A ADDRESS, L ARRAY<ADDRESS>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
    )
    engine.apply(engine.plan("DROP TYPE ADDRESS;"))
    assert str(engine.metastore.sources["P"].schema) == "`A` STRUCT<`CITY` STRING>, `L` ARRAY<STRUCT<`CITY` STRING>>"


def test_variables_are_substituted_before_parsing() -> None:
    statement = engine_with().parse(
        "CREATE STREAM ${n} (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", {"n": "X"}
    )
    assert statement[0].text.startswith("CREATE STREAM X ")


def test_malformed_statements_have_a_place() -> None:
    with pytest.raises(ParseError) as caught:
        Engine().plan("CREATE STREM S;")
    assert (caught.value.line, caught.value.column) == (1, 8)


def test_unknown_source_suggests_a_near_name() -> None:
    engine = engine_with("CREATE STREAM ORDERS (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
    with pytest.raises(StatementError, match=r"Did you mean ORDERS\?"):
        engine.plan("CREATE STREAM X AS SELECT * FROM ORDERZ;")
    with pytest.raises(StatementError, match="Did you mean VOLUME"):
        engine.apply(engine.plan("CREATE STREAM W (VOLUME INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"))
        engine.plan("CREATE STREAM X AS SELECT VOLUM FROM W;")


def test_alter_adds_columns_at_the_end() -> None:
    engine = engine_with(STREAM)
    engine.apply(engine.plan("ALTER STREAM S ADD COLUMN EXTRA DOUBLE;"))
    assert str(engine.metastore.sources["S"].schema).endswith("`N` STRING, `EXTRA` DOUBLE")


def test_explain_names_every_stage() -> None:
    explanation = engine_with(STREAM).explain(TABLE)
    assert list(explanation.sections) == ["logical plan", "optimizer rules", "physical steps", "topology", "columns"]
    assert "Topologies:" in explanation.sections["topology"]
    assert "prune_projection" in str(explanation)
