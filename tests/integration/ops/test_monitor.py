"""``kappa cluster monitor`` as a process: it sees real brokers, serves Prometheus, and tells people once."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from kappaflow.client.admin import NewTopic
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.contexts import ClusterContext, ContextFile
from kappaflow.ops.local_clusters.maven import resolve_jars
from kappaflow.ops.monitor.jmx import FIGURES, parse_exposition, read_jmx
from kappaflow.ops.session import OpsSession
from kappaflow.testing.apache_kafka import QUICK_JVM, ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.ports import free_port

WAIT_S = 60
JOLOKIA = "org.jolokia:jolokia-agent-jvm:2.6.0:javaagent"


class Sink:
    """Where webhooks and mail arrive."""

    def __init__(self) -> None:
        self.posted: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
        self.mails: queue.Queue[Message] = queue.Queue()
        sink = self

        class Web(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.posted.put((self.path, self.headers.get("Authorization", ""), json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Quiet."""

        class Mail(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                """As much of RFC 5321 as a client that sends one message needs."""
                self.wfile.write(b"220 sink\r\n")
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        rows = iter(self.rfile.readline, b".\r\n")
                        sink.mails.put(message_from_bytes(b"".join(row.removeprefix(b".") for row in rows)))
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                    if verb == b"QUIT":
                        return

        self.web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
        self._threads = [threading.Thread(target=server.serve_forever) for server in (self.web, self.mail)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for server in (self.web, self.mail):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()


@pytest.fixture(name="sink")
def a_sink() -> Generator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


class Watching:
    """A monitor that runs; ``lines`` are its looks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line."""
        seen: list[str] = []
        while True:
            try:
                seen.append(self.lines.get(timeout=WAIT_S))
            except queue.Empty:
                pytest.fail(f"no line {pattern!r} in {''.join(seen)}")
            found = re.search(pattern, seen[-1])
            if found:
                return found

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT_S) == 0

    def close(self) -> None:
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"KAPPA_HOME": str(home), "KAPPA_LANG": "en"}


@contextmanager
def watching(home: Path, *words: str) -> Generator[Watching]:
    command = [sys.executable, "-m", "kappaflow.cli.main", "cluster", "monitor", *words]
    process = subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    running = Watching(process)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        running.close()


def kappa(home: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kappaflow.cli.main", *words],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def produce(servers: str, topic: str, values: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": servers})
    for value in values:
        producer.produce(topic, value.encode())
    assert producer.flush(WAIT_S) == 0


RULES = """
[[rule]]
name = "behind"
metric = "kappa_group_lag_records"
above = 5
clear = 0
for = "1s"
severity = "critical"
notify = ["hook", "team", "mail"]
summary = "kappa lag doctor"

[receiver.hook]
kind = "webhook"
url = "http://127.0.0.1:WEB/hook"
token_file = "TOKEN"
every = "1s"
[receiver.team]
kind = "slack"
url = "http://127.0.0.1:WEB/slack"
every = "1s"
[receiver.mail]
kind = "mail"
server = "127.0.0.1:MAIL"
from = "kafka@example.org"
to = ["ops@example.org", "more@example.org"]
starttls = false
every = "1s"
"""


def test_lag_is_told_by_webhook_slack_and_mail_and_so_is_its_end(sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    rules = RULES.replace("WEB", str(sink.web.server_address[1])).replace("MAIL", str(sink.mail.server_address[1]))
    (tmp_path / "rules.toml").write_text(rules.replace("TOKEN", str(tmp_path / "token")))
    with EmbeddedBroker() as broker:
        ContextFile(tmp_path / "clusters.toml").put(ClusterContext("dev", broker.bootstrap_servers), use=True)
        with OpsSession(ClusterContext("dev", broker.bootstrap_servers)) as session:
            session.admin.topics.create([NewTopic("orders", 1)])
            session.admin.groups.commit("billing", {TopicPartition("orders", 0): 0})
            produce(broker.bootstrap_servers, "orders", ["a"] * 20)
            words = ["--interval", "1s", "--listen", "127.0.0.1:0", "--rules", str(tmp_path / "rules.toml")]
            with watching(tmp_path, *words) as monitor:
                port = monitor.until(r"http://127\.0\.0\.1:(\d+)/metrics")[1]
                monitor.until("no JMX")
                monitor.until(r"brokers 1 .* groups 1 ")
                told = dict([_kind(sink.posted.get(timeout=WAIT_S)) for _ in range(2)])
                assert told["/hook"]["cluster"] == "dev"
                alert = told["/hook"]["alerts"][0]
                assert (alert["rule"], alert["state"], alert["value"]) == ("behind", "firing", 20)
                assert alert["labels"] == {"group": "billing"}
                assert "CRITICAL behind (group billing): 20" in told["/slack"]["text"]
                assert "kappa lag doctor" in told["/slack"]["text"]
                mail = sink.mails.get(timeout=WAIT_S)
                assert mail["To"] == "ops@example.org, more@example.org"
                assert mail["Subject"] == "Kafka cluster dev: 1 firing, 0 resolved"
                figures = {
                    (name, labels.get("group", "")): value
                    for name, labels, value in parse_exposition(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
                }
                assert figures["kappa_group_lag_records", "billing"] == 20
                assert figures["kappa_monitor_part_up", ""] == 1
                shown = httpx.get(f"http://127.0.0.1:{port}/alerts").json()
                assert [row["rule"] for row in shown] == ["behind"]
                session.admin.groups.commit("billing", {TopicPartition("orders", 0): 20})
                monitor.until("RESOLVED behind")
                told = dict([_kind(sink.posted.get(timeout=WAIT_S)) for _ in range(2)])
                assert told["/hook"]["alerts"][0]["state"] == "resolved"
                assert sink.mails.get(timeout=WAIT_S)["Subject"] == "Kafka cluster dev: 0 firing, 1 resolved"
                monitor.end()
        assert sink.posted.empty(), "nothing is told twice"
        history = json.loads(kappa(tmp_path, "cluster", "history", "kappa_group_lag_records", "--json"))
        values = [value for _, value in history[0]["points"]]
        assert values[0] == 20
        assert values[-1] == 0
        assert "group=billing" in kappa(tmp_path, "cluster", "history", "kappa_group_lag_records")
        assert "kappa_cluster_brokers" in kappa(tmp_path, "cluster", "history", "--list")


def _kind(posted: tuple[str, str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    path, authorization, body = posted
    assert authorization == ("Bearer secret-token" if path == "/hook" else "")
    return path, body


def test_a_broker_that_is_away_is_said_and_seen_again(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        ContextFile(tmp_path / "clusters.toml").put(ClusterContext("dev", broker.bootstrap_servers), use=True)
        with watching(tmp_path, "--interval", "1s") as monitor:
            monitor.until("brokers 1 ")
            broker.kill()
            monitor.until("no broker answers")
            broker.start()
            monitor.until("brokers 1 ")
            monitor.end()


def test_an_address_that_others_reach_wants_a_token(tmp_path: Path) -> None:
    servers = ["--bootstrap-servers", "127.0.0.1:1"]
    kappa(tmp_path, "cluster", "monitor", "--listen", "0.0.0.0:0", *servers, code=3)
    assert "kappa_group_lag_seconds" in kappa(tmp_path, "cluster", "monitor", "--metrics")
    assert "no broker answers" in kappa(tmp_path, "cluster", "monitor", "--once", *servers, code=1)


@pytest.mark.java
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_real_broker_is_seen_with_jolokia(tmp_path: Path) -> None:
    agent = next(resolve_jars([JOLOKIA]).glob("jolokia-agent-jvm-*-javaagent.jar"))
    port = free_port()
    option = f"-javaagent:{agent}=port={port},host=127.0.0.1,discoveryEnabled=false"
    with ApacheKafka(jvm_options=[*QUICK_JVM, option], heap="256m") as kafka:
        with OpsSession(ClusterContext("dev", kafka.bootstrap_servers)) as session:
            session.admin.topics.create([NewTopic("orders", 2)])
        produce(kafka.bootstrap_servers, "orders", ["x" * 100] * 500)
        context = ClusterContext("dev", kafka.bootstrap_servers, jmx={1: f"http://127.0.0.1:{port}/jolokia"})
        ContextFile(tmp_path / "clusters.toml").put(context, use=True)
        seen = json.loads(kappa(tmp_path, "cluster", "monitor", "--once", "--json"))
        figures = seen["values"]
        assert seen["missing"] == {}
        assert figures["kappa_jmx_up{broker=1}"] == 1
        missing = [f.metric for f in FIGURES if f"{f.metric}{{broker=1}}" not in figures]
        assert missing == [], "every figure is there on a real broker"
        assert figures["kappa_jmx_messages_in_total{broker=1}"] >= 500
        assert figures["kappa_jmx_bytes_in_total{broker=1}"] > 500
        assert figures["kappa_jmx_heap_max_bytes{broker=1}"] == pytest.approx(256 << 20, rel=0.05)
        assert 0 <= figures["kappa_jmx_request_handler_idle_ratio{broker=1}"] <= 1.01
        deadline = time.monotonic() + WAIT_S  # rates of a broker that has just started are 0 for some seconds
        while not 0 < read_jmx(context.jmx[1])["kappa_jmx_request_handler_idle_ratio"] <= 1.01:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert figures["kappa_cluster_partitions"] == figures["kappa_broker_leaders{broker=1}"]
        assert figures["kappa_topic_log_bytes{topic=orders}"] > 0
        with watching(tmp_path, "--interval", "1s", "--json") as monitor:
            monitor.until('"kappa_cluster_records_per_second": 0.0')
            stop = threading.Event()

            def load() -> None:
                while not stop.is_set():
                    produce(kafka.bootstrap_servers, "orders", ["y"] * 50)

            loader = threading.Thread(target=load)
            loader.start()
            monitor.until(r'"kappa_cluster_records_per_second": [1-9]')
            stop.set()
            loader.join()
            monitor.end()
