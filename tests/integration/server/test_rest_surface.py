"""The rest of the REST surface: websocket, statuses, cluster, inserts as they stream, content types, errors."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from kappaflow.database import Database
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

STREAM = "(id INT KEY, v INT) WITH (kafka_topic='{0}', value_format='JSON', partitions=1);"


@pytest.fixture
def http(server: EmbeddedServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def frames_of(url: str, body: dict[str, Any], count: int = 1_000) -> tuple[list[Any], int | None]:
    """Return the frames of a websocket query, at most `count`, and the code it was closed with."""
    address = urlsplit(url)
    frames: list[Any] = []
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        protocol = WSConnection(ConnectionType.CLIENT)
        target = f"/ws/query?request={quote(json.dumps(body))}"
        connection.sendall(protocol.send(Request(host=address.netloc, target=target)))
        text = ""
        while data := connection.recv(65_536):
            protocol.receive_data(data)
            for event in protocol.events():
                match event:
                    case AcceptConnection():
                        pass
                    case TextMessage(data=piece, message_finished=finished):
                        text += piece
                        if finished:
                            frames.append(json.loads(text) if text[:1] in "[{" else text)
                            text = ""
                    case CloseConnection(code=code):
                        return frames, code
                    case _:
                        pass
            if len(frames) >= count:
                connection.sendall(protocol.send(CloseConnection(code=1000)))
                return frames, None
    return frames, None


def test_a_query_over_a_websocket(server: EmbeddedServer, db: Database, http: httpx.Client) -> None:
    db.sql("CREATE STREAM sockets " + STREAM.format("sockets"))
    db.sql("INSERT INTO sockets (rowtime, id, v) VALUES (5, 1, 7);")
    body = {
        "ksql": "SELECT * FROM sockets EMIT CHANGES LIMIT ${n};",
        "streamsProperties": {"ksql.streams.auto.offset.reset": "earliest"},
        "sessionVariables": {"n": "1"},
    }
    frames, code = frames_of(server.url, body)
    assert [field["name"] for field in frames[0]] == ["ID", "V"]
    assert frames[0][0]["schema"]["type"] == "INTEGER"
    assert frames[1:] == [{"row": {"columns": [1, 7]}}, {"finalMessage": "Limit Reached"}]
    assert code == 1000
    printed, code = frames_of(server.url, {"ksql": "PRINT sockets FROM BEGINNING LIMIT 1;"})
    assert (len(printed), code) == (1, 1000)
    assert printed[0].startswith("rowtime: 1970/01/01 00:00:00.005 Z, key: 1")
    frames, code = frames_of(server.url, {"ksql": "SELECT * FROM nothing_there;"})
    assert (frames[0]["error_code"], code) == (40001, 1003)
    frames_of(server.url, body | {"ksql": "SELECT * FROM sockets EMIT CHANGES;"}, count=2)
    running = lambda: http.get("/kappa/processes").json()["pushQueries"]  # noqa: E731
    wait_until(lambda: not running(), "the end of the query whose client went away")


def test_statuses_of_statements(db: Database, http: httpx.Client) -> None:
    (entity,) = db.sql("CREATE STREAM `told` " + STREAM.format("told")).entities
    assert entity["commandId"] == "stream/`told`/create"
    assert http.get("/status").json()["commandStatuses"][entity["commandId"]] == "SUCCESS"
    for name in ("`told`", "told"):
        status = http.get(f"/status/stream/{name}/create").json()
        assert status == {"status": "SUCCESS", "message": "Stream created", "queryId": None}
    missing = http.get("/status/stream/NONE/create")
    assert (missing.status_code, missing.json()["error_code"]) == (404, 40400)


def test_the_cluster_and_its_parts(server: EmbeddedServer, db: Database, http: httpx.Client) -> None:
    db.sql("CREATE STREAM parts " + STREAM.format("parts"))
    db.sql("CREATE TABLE part_counts AS SELECT id, COUNT(*) AS n FROM parts GROUP BY id;")
    host = urlsplit(server.url).netloc

    def partitions() -> Any:
        entry = http.get("/clusterStatus").json()["clusterStatus"][host]
        assert entry["hostAlive"] is True
        queries = entry["activeStandbyPerQuery"]
        name = next(query_id for query_id in queries if query_id.startswith("CTAS_PART_COUNTS"))
        return queries[name]["activePartitions"]

    assert wait_until(partitions, "the tasks") == [{"topic": "parts", "partition": 0}]
    db.sql("INSERT INTO parts (id, v) VALUES (1, 1);")
    db.sql("INSERT INTO parts (id, v) VALUES (2, 2);")

    def lag() -> Any:
        entry = http.get("/clusterStatus").json()["clusterStatus"][host]
        lags = entry["hostStoreLags"]["stateStoreLags"]
        name = next((name for name in lags if "query_CTAS_PART_COUNTS_" in name), None)
        if name is None:
            return None
        position = lags[name]["lagByPartition"]["0"]
        return position["currentOffsetPosition"] == position["endOffsetPosition"] == 2 and lags[name]

    assert wait_until(lag, "the lags of the store") == {
        "lagByPartition": {"0": {"currentOffsetPosition": 2, "endOffsetPosition": 2, "offsetLag": 0}},
        "size": 1,
    }
    beat = {"hostInfo": {"host": "elsewhere", "port": 1}, "timestamp": 5}
    assert http.post("/heartbeat", json=beat).json() == {"ok": True}
    lags = {"stateStoreLags": {"s": {"lagByPartition": {}, "size": 0}}, "updateTimeMs": 5}
    report = {"ksqlHost": beat["hostInfo"], "hostStoreLags": lags}
    assert http.post("/lag", json=report).json() == {"ok": True}
    other = http.get("/clusterStatus").json()["clusterStatus"]["elsewhere:1"]
    assert (other["hostAlive"], other["hostStoreLags"]) == (True, lags)
    assert http.post("/heartbeat", json={"hostInfo": "x"}).json()["error_code"] == 40000
    metadata = http.get("/v1/metadata").json()
    assert metadata["clusterId"] == http.get("/v1/metadata/id").json()
    assert metadata["clusterId"]["scope"]["clusters"]["ksql-cluster"] == "default_"
    assert [http.get(path).json() for path in ("/chc/ready", "/chc/live")] == [{}, {}]


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [("ksql.streams.auto.offset.reset", True), ("ksql.query.pull.table.scan.enabled", True), ("not.a.property", False)],
)
def test_properties_that_may_be_set(http: httpx.Client, name: str, is_valid: bool) -> None:
    answer = http.get(f"/is_valid_property/{name}")
    assert answer.status_code == (200 if is_valid else 400)
    assert answer.json() is True if is_valid else answer.json()["@type"] == "generic_error"


def test_rows_are_acknowledged_while_they_stream(server: EmbeddedServer, db: Database, http: httpx.Client) -> None:
    db.sql("CREATE STREAM flowing " + STREAM.format("flowing"))
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        head = f"POST /inserts-stream HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        received = b""
        for number, line in enumerate(
            ['{"target":"flowing"}\n', '{"id":1,"v":2}\n', '{"ID":3,"`V`":4}\n', "nonsense\n"]
        ):
            connection.sendall(f"{len(line):x}\r\n{line}\r\n".encode())
            while number and f'"seq":{number - 1}'.encode() not in received:
                received += connection.recv(65_536)
        connection.sendall(b"0\r\n\r\n")
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(65_536)
    assert received.count(b'"status":"ok"') == 2
    assert b"Invalid JSON in inserts stream" in received
    rows = db.sql("SELECT id, v FROM flowing EMIT CHANGES LIMIT 2;").rows()
    assert [tuple(row) for row in rows] == [(1, 2), (3, 4)]
    for first in ("nonsense", "{}", '{"target":"NOTHING"}'):
        assert http.post("/inserts-stream", content=first + "\n").status_code == 400
    many = '{"target":"FLOWING"}\n' + "".join(f'{{"ID":{n},"V":{n}}}\n' for n in range(5_000))
    acks = http.post("/inserts-stream", content=many, headers={"Accept": "application/json"}).json()
    assert [ack["seq"] for ack in acks if ack["status"] == "ok"] == list(range(5_000))


def test_requests_in_one_go_are_answered_in_order(server: EmbeddedServer) -> None:
    address = urlsplit(server.url)
    texts = ["SHOW STREAMS;", "SHOW TABLES;", "SHOW TYPES;"]
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        for text in texts:
            body = json.dumps({"ksql": text})
            head = f"POST /ksql HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
        received = b""
        while received.count(b'"statementText"') < len(texts):
            received += connection.recv(65_536)
    places = [received.index(f'"statementText":"{text}"'.encode()) for text in texts]
    assert places == sorted(places)


def test_a_request_waits_for_the_commands_that_it_has_seen(db: Database, http: httpx.Client) -> None:
    (entity,) = db.sql("CREATE STREAM seen " + STREAM.format("seen")).entities
    number = entity["commandSequenceNumber"]
    body = {"ksql": "DESCRIBE seen;", "commandSequenceNumber": number}
    assert http.post("/ksql", json=body).status_code == 200
    late = http.post("/ksql", json=body | {"commandSequenceNumber": number + 1_000})
    assert (late.status_code, late.json()["error_code"]) == (503, 50301)


def test_what_cannot_be_answered(http: httpx.Client) -> None:
    assert http.get("/nowhere").json() == {"@type": "generic_error", "error_code": 40400, "message": "Not Found"}
    assert http.get("/ksql").json()["error_code"] == 40500
    assert http.post("/ksql", content="<x/>", headers={"Content-Type": "text/xml"}).status_code == 415
    query = {"sql": "PRINT nothing;"}
    assert http.post("/query-stream", json=query, headers={"Accept": "application/json"}).status_code == 406


def test_answers_as_protobuf(db: Database, http: httpx.Client) -> None:
    db.sql("CREATE STREAM packed " + STREAM.format("packed"))
    db.sql("INSERT INTO packed VALUES (1, 7);")
    body = {"sql": "SELECT * FROM packed;", "properties": {}}
    header, row, end = http.post(
        "/query-stream", json=body, headers={"Accept": "application/vnd.ksql.v1+protobuf"}
    ).json()
    assert "int32 ID = 1;" in header["header"]["protoSchema"]
    assert row == {"row": {"protobufBytes": "CAEQBw=="}}
    assert end == {"finalMessage": "Query Completed"}


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"streamsProperties": []}, "The field 'streamsProperties' must be an object."),
        ({"sessionVariables": ""}, "The field 'sessionVariables' must be an object."),
        ({"commandSequenceNumber": "x"}, "The field 'commandSequenceNumber' must be a whole number."),
        (
            {"streamsProperties": {"ksql.functions.collect_list.limit": "abc"}},
            "Invalid value 'abc' for property 'ksql.functions.collect_list.limit': Not a number of type LONG.",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_refused(http: httpx.Client, field: dict[str, Any], told: str) -> None:
    answer = http.post("/ksql", json={"ksql": "SHOW STREAMS;", **field})
    assert (answer.status_code, answer.json()["message"]) == (400, told)
