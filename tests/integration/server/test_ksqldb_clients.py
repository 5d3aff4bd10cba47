"""Clients that were written for ksqlDB, unmodified: the PyPI client ksqldb, the npm client ksqldb-client, and the
requests of the older PyPI client ksql, which cannot be installed any more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from kappaflow.testing.embedded_server import EmbeddedServer
from kappaflow.testing.toolchain import (
    cache_directory,
    command_path,
    file_lock,
    missing_toolchains,
    required_toolchains,
)

HERE = Path(__file__).parent
NPM_CLIENT = "ksqldb-client@1.0.5"


def run(command: list[str], **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_pypi_client(server: EmbeddedServer) -> None:
    found = run([sys.executable, str(HERE / "pypi_client_script.py"), server.url])
    assert found["created"] == "SUCCESS"
    assert found["properties"] > 0
    assert [(ack["status"], ack["seq"]) for ack in found["acks"]] == [("ok", 0), ("ok", 1), ("error", 2), ("ok", 3)]
    assert "Can't coerce" in found["acks"][2]["message"]
    header, *rows = found["pushed"]
    assert header["columnNames"] == ["ID", "NAME", "V", "OK"]
    assert header["columnTypes"] == ["INTEGER", "STRING", "DOUBLE", "BOOLEAN"]
    assert rows == [[1, "a", 2.5, True], [1, "b", 3.0, None], [2, None, None, None]]
    assert found["closed"] is True
    assert sorted(found["pulled"][1:]) == [[1, 2], [2, 1]]
    assert found["refused"][0]["error_code"] == 40001


@pytest.fixture(scope="module")
def npm_packages() -> Path:
    """The folder in which node finds the client; installed once for all runs."""
    if missing_toolchains(["node"]):
        if "node" in required_toolchains():
            pytest.fail("needs node, which KAPPA_REQUIRE demands and this machine lacks")
        pytest.skip("needs node, not found on this machine")
    home = cache_directory() / "npm" / NPM_CLIENT
    with file_lock(home.parent / "npm.lock"):
        if not (home / "node_modules" / "ksqldb-client").is_dir():
            home.mkdir(parents=True, exist_ok=True)
            command = [command_path("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(home), NPM_CLIENT]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
            if done.returncode:
                pytest.skip(f"{NPM_CLIENT} cannot be had: {done.stderr[-500:]}")
    return home / "node_modules"


def test_the_npm_client(server: EmbeddedServer, npm_packages: Path) -> None:
    script = str(HERE / "npm_client_script.js")
    found = run([command_path("node"), script, server.url], NODE_PATH=str(npm_packages))
    assert (found["created"], found["table"]) == (200, 200)
    assert found["acks"] == [{"status": "ok", "seq": 0}] * 3
    assert found["refused"]["status"] == "error"
    assert found["pushStatus"] == 200
    assert found["pushed"] == [{"ID": 1, "WORD": word} for word in "abc"]
    assert found["pulled"] == [{"ID": 1, "N": 3}]
    assert found["error"]["error_code"] == 40001
    assert "NPM" in found["streams"]
    assert found["fields"] == ["ID", "WORD"]
    assert found["terminated"] == 200


class OldClient:
    """Sends what the PyPI client ksql sends: HTTP/1.1, its content types, answers read line by line."""

    def __init__(self, url: str) -> None:
        headers = {"Accept": "application/vnd.ksql.v1+json", "Content-Type": "application/vnd.ksql.v1+json"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30)

    def version(self) -> str:
        return self.http.get("/info").json()["KsqlServerInfo"]["version"]

    def ksql(self, text: str, properties: dict[str, str] | None = None) -> Any:
        body = json.dumps({"ksql": text, "streamsProperties": properties or {}})
        return self.http.post("/ksql", content=body).raise_for_status().json()

    def query(self, text: str, rows: int) -> list[str]:
        """Return the lines of an answer as they come, and go away after so many."""
        body = json.dumps({"ksql": text, "streamsProperties": {"ksql.streams.auto.offset.reset": "earliest"}})
        found: list[str] = []
        with self.http.stream("POST", "/query", content=body) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line.strip():
                    found.append(line)
                if len(found) == rows:
                    break
        return found


def test_requests_of_the_older_pypi_client(server: EmbeddedServer) -> None:
    client = OldClient(server.url)
    assert re.fullmatch(r"\d+\.\d+\.\d+", client.version())
    assert client.ksql("show tables")[0]["@type"] == "tables"  # it sends statements without a semicolon, too
    client.ksql(
        "CREATE stream old_users (registertime bigint, userid varchar) "
        "WITH (kafka_topic='old_users', value_format='DELIMITED', partitions=1);"
    )
    as_select = (
        "CREATE stream old_times WITH (kafka_topic='old_times', value_format='DELIMITED', timestamp='logtime') AS "
        "SELECT rowtime as logtime, * FROM old_users where userid = 'foo';"
    )
    assert client.ksql(as_select)[0]["commandStatus"]["status"] == "SUCCESS"
    client.ksql("INSERT INTO old_users VALUES (5, 'foo'); INSERT INTO old_users VALUES (6, 'bar');")
    lines = client.query("select * from old_users EMIT CHANGES", 3)
    # Every line but the last ends with a comma as soon as its row is there: a client that reads lines waits for it.
    header = json.loads(lines[0].removeprefix("[").removesuffix(","))["header"]
    assert header["schema"] == "`REGISTERTIME` BIGINT, `USERID` STRING"
    rows = [json.loads(line.removesuffix(","))["row"]["columns"] for line in lines[1:]]
    assert rows == [[5, "foo"], [6, "bar"]]
    *_, last = client.query("select * from old_users EMIT CHANGES LIMIT 1;", 10)
    assert json.loads(last.removesuffix("]")) == {"finalMessage": "Limit Reached"}
    body = '{"target": "OLD_USERS"}\n{"REGISTERTIME": 7, "USERID": "baz"}\n'
    acks = client.http.post("/inserts-stream", content=body, headers={"Accept": "application/vnd.ksqlapi.delimited.v1"})
    assert acks.text == '{"status":"ok","seq":0}\n'
    assert client.http.post("/close-query", content='{"queryId": "none"}').status_code == 400
    with pytest.raises(httpx.HTTPStatusError):
        client.ksql("noi;")
    client.http.close()
