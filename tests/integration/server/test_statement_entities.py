"""Statements over POST /ksql answer with ksqlDB's entities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

STREAM = "CREATE STREAM said (id INT KEY, v INT) WITH (kafka_topic='said', value_format='json', partitions=1);"


@pytest.fixture(scope="module")
def http(server: EmbeddedServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def answer(http: httpx.Client, text: str) -> Any:
    response = http.post("/ksql", json={"ksql": text})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture(scope="module")
def sources(http: httpx.Client) -> None:
    answer(http, STREAM + " CREATE STREAM said_too AS SELECT * FROM said;")
    answer(http, "INSERT INTO said_too WITH (QUERY_ID='again') SELECT * FROM said;")


@pytest.mark.usefixtures("sources")
def test_queries_are_paused_resumed_and_terminated(http: httpx.Client) -> None:
    for statement, kind, message in (
        ("PAUSE again;", "pause", "Query paused."),
        ("RESUME again;", "resume", "Query resumed."),
        ("TERMINATE again;", "terminate", "Query terminated."),
    ):
        (entity,) = answer(http, statement)
        assert (entity["@type"], entity["commandId"]) == ("currentStatus", f"{kind}/`AGAIN`/execute")
        assert entity["commandStatus"] == {"status": "SUCCESS", "message": message, "queryId": None}


@pytest.mark.usefixtures("sources")
def test_columns_types_and_variables(http: httpx.Client) -> None:
    (entity,) = answer(http, "ALTER STREAM said ADD COLUMN w INT;")
    assert entity["commandId"] == "stream/`SAID`/alter"
    created, shown, dropped = answer(http, "CREATE TYPE t AS STRUCT<a INT>; SHOW TYPES; DROP TYPE t;")
    assert (created["commandId"], dropped["commandId"]) == ("type/`T`/create", "type/`T`/drop")
    assert shown["types"]["T"]["fields"][0]["schema"]["type"] == "INTEGER"
    assert answer(http, "DEFINE n='5'; SHOW VARIABLES;")[0]["variables"] == [{"name": "N", "value": "5"}]
    assert answer(http, "SET 'auto.offset.reset'='earliest'; UNSET 'auto.offset.reset';") == []
    text = "DEFINE t='MINE'; CREATE TYPE ${t} AS INT; DEFINE T='TYPES'; SHOW ${t}; DROP TYPE mine;"
    created, shown, _ = answer(http, text)
    assert created["statementText"] == "CREATE TYPE MINE AS INT;"
    assert "MINE" in shown["types"]
    assert answer(http, "DROP TYPE IF EXISTS t;")[0]["@type"] == "warning_entity"


@pytest.mark.usefixtures("sources")
def test_assertions(http: httpx.Client) -> None:
    topic, gone = answer(http, "ASSERT TOPIC said WITH (partitions=1); ASSERT NOT EXISTS TOPIC nothing;")
    assert {k: topic[k] for k in ("@type", "topicName", "exists")} == {
        "@type": "assert_topic",
        "topicName": "said",
        "exists": True,
    }
    assert gone["exists"] is False
    (schema,) = answer(http, "ASSERT NOT EXISTS SCHEMA SUBJECT 'nothing-value' ID 4;")
    assert {k: schema[k] for k in ("@type", "subject", "id", "exists")} == {
        "@type": "assert_schema",
        "subject": "nothing-value",
        "id": 4,
        "exists": False,
    }
    for statement, message in (
        ("ASSERT TOPIC nothing TIMEOUT 10 MILLISECONDS;", "Topic nothing does not exist."),
        ("ASSERT TOPIC said WITH (partitions=3) TIMEOUT 10 MILLISECONDS;", "expected 3 got 1"),
        ("ASSERT SCHEMA SUBJECT 'nothing-value' TIMEOUT 10 MILLISECONDS;", "Schema with subject name nothing-value"),
    ):
        response = http.post("/ksql", json={"ksql": statement})
        assert (response.status_code, response.json()["error_code"]) == (417, 41700)
        assert message in response.json()["message"]


@pytest.mark.usefixtures("sources")
def test_descriptions(http: httpx.Client) -> None:
    answer(http, "INSERT INTO said (id, v) VALUES (1, 2);")

    def consumed() -> Any:
        (entity,) = answer(http, "DESCRIBE said EXTENDED;")
        (summary,) = [s for s in entity["sourceDescription"]["queryOffsetSummaries"] if "CSAS_SAID_TOO" in s["groupId"]]
        return summary["topicSummaries"][0]["offsets"][0]["consumerOffset"] == 1

    wait_until(consumed, "the committed offset")
    (queries,) = answer(http, "SHOW QUERIES EXTENDED;")
    assert queries["@type"] == "query_descriptions"
    (described,) = [d for d in queries["queryDescriptions"] if d["id"].startswith("CSAS_SAID_TOO")]
    assert (described["sources"], described["sinks"]) == (["SAID"], ["SAID_TOO"])
    (explained,) = answer(http, f"EXPLAIN {described['id']};")
    assert explained["queryDescription"]["topology"] == described["topology"]

    readers = len(queries["queryDescriptions"])  # another test ends one of the two

    def read() -> Any:
        (topics,) = answer(http, "SHOW TOPICS EXTENDED;")
        (row,) = [row for row in topics["topics"] if row["name"] == "said"]
        return (row["consumerCount"], row["consumerGroupCount"]) == (readers, readers)

    wait_until(read, "the figures of the workers")
    (properties,) = answer(http, "SET 'auto.offset.reset'='earliest'; SHOW PROPERTIES;")
    values = {row["name"]: row["value"] for row in properties["properties"]}
    assert values["ksql.service.id"] == "default_"
    assert properties["overwrittenProperties"] == ["auto.offset.reset"]


@pytest.mark.usefixtures("sources")
def test_explanations_of_what_does_not_run(http: httpx.Client) -> None:
    for statement, kind, sinks in (
        ("SELECT id, v FROM said EMIT CHANGES;", "PUSH", []),
        ("SELECT id, v FROM said;", "PULL", []),
        ("CREATE STREAM not_made AS SELECT id, v FROM said;", "PERSISTENT", ["NOT_MADE"]),
    ):
        (entity,) = answer(http, f"EXPLAIN {statement}")
        explained = entity["queryDescription"]
        assert (explained["statementText"], explained["queryType"]) == (statement, kind)
        assert (explained["sources"], explained["sinks"]) == (["SAID"], sinks)
        assert [field["name"] for field in explained["fields"]] == ["ID", "V"]
        assert explained["executionPlan"]
    response = http.post("/ksql", json={"ksql": "EXPLAIN DROP STREAM said;"})
    assert response.status_code == 400
    assert response.json()["message"] == "The provided statement does not run a ksql query"


def test_set_keeps_to_the_rules_of_overrides() -> None:
    kept = "ksql.streams.cache.max.bytes.buffering"
    with (
        EmbeddedServer(arguments=["--property", f"ksql.properties.overrides.denylist={kept}"]) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        for name, message in (
            (kept, f"Cannot override property '{kept}'"),
            ("nope", "Not recognizable as ksql, streams, consumer, or producer property: 'nope'"),
        ):
            text = f"SET '{name}'='5';"
            response = http.post("/ksql", json={"ksql": f"{text} SHOW STREAMS;"})
            assert response.status_code == 400
            refused = response.json()
            assert (refused["@type"], refused["error_code"]) == ("statement_error", 40001)
            assert (refused["message"], refused["statementText"]) == (message, text)


@pytest.mark.parametrize(
    "statement", ["ALTER SYSTEM 'a'='b';", "CREATE SOURCE CONNECTOR c WITH ('a'='b');", "SHOW CONNECTORS;"]
)
def test_refusals_name_what_to_do_instead(http: httpx.Client, statement: str) -> None:
    response = http.post("/ksql", json={"ksql": statement})
    assert response.status_code == 400
    assert any(word in response.json()["message"] for word in ("--property", "INSERT"))


def test_terminating_the_cluster(server: EmbeddedServer) -> None:
    with EmbeddedServer() as other, httpx.Client(base_url=other.url, timeout=30) as http:
        answer(http, STREAM + " CREATE STREAM said_too AS SELECT * FROM said;")
        assert http.post("/ksql/terminate", json={"deleteTopicList": ["("]}).status_code == 400
        (entity,) = http.post("/ksql/terminate", json={"deleteTopicList": ["SAID_.*"]}).json()
        assert entity["commandId"] == "cluster/`TerminateCluster`/terminate"
        streams, queries, topics = answer(http, "SHOW STREAMS; SHOW QUERIES; SHOW TOPICS;")
        assert (streams["streams"], queries["queries"]) == ([], [])
        assert [topic["name"] for topic in topics["topics"]] == ["said"]
