"""Two servers on three Apache Kafka brokers: workers, servers and brokers are killed, results stay exact."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kappaflow.client.connection import ClientConfig
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.chaos import PROPERTIES, Ledger, check_everything, create_topics, start_queries
from kappaflow.testing.chaos.faults import wait_ready
from kappaflow.testing.chaos.statements import compact_often
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

pytestmark = [pytest.mark.real, pytest.mark.java, pytest.mark.timeout(900)]
ROUNDS = 3


def arguments() -> list[str]:
    properties = PROPERTIES | {
        "ksql.streams.session.timeout.ms": "6000",
        "ksql.streams.transaction.timeout.ms": "6000",
    }
    return [part for name, value in properties.items() for part in ("--property", f"{name}={value}")]


def test_killed_workers_servers_and_brokers_leave_exact_results(kafka_all_running: ApacheKafka, tmp_path: Path) -> None:
    kafka = kafka_all_running
    rng = random.Random(4)
    bootstrap = kafka.bootstrap_servers
    client = ClientConfig(bootstrap, bootstrap_timeout_ms=60_000)
    servers = [
        EmbeddedServer(tmp_path / name, bootstrap_servers=bootstrap, arguments=arguments()) for name in ("one", "two")
    ]
    ledger = Ledger(bootstrap, seed=4)
    try:
        create_topics(client, replication_factor=3)
        servers[0].start()
        start_queries(servers[0].url)
        servers[1].start()
        compact_often(client)
        before = {}
        for _ in range(ROUNDS):
            ledger.start()
            for fault in ("worker", "server", "broker"):
                goal = ledger.count + 500
                wait_until(lambda goal=goal: ledger.count >= goal, "some load", 120)
                if fault == "worker":
                    servers[rng.randrange(2)].kill_child("worker-0")
                elif fault == "server":
                    servers[1].kill()
                    servers[1].start()
                else:
                    number = rng.randrange(3) + 1
                    kafka.kill(number)
                    goal = ledger.count + 500
                    wait_until(lambda goal=goal: ledger.count >= goal, "load without the broker", 120)
                    kafka.start(number)
            ledger.stop()
            for server in servers:
                wait_ready(server)
            before = check_everything([server.url for server in servers], client, ledger.written, before)
    finally:
        ledger.stop()
        for server in servers:
            server.close()
