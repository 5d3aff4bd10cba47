"""What the monitor sees: on a simulated cluster of any size, and in the formats of Jolokia and the JMX exporter."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerUnreachable, HostError, UnsafeError
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.monitor import Collector, MetricsEndpoint, Monitor, Snapshot, TimeStore, exposition
from kappaflow.ops.monitor.jmx import FIGURES, parse_exposition, read_jmx
from kappaflow.ops.monitor.metrics import METRICS, PARTS
from kappaflow.ops.session import OpsSession
from kappaflow.testing.simulated_cluster import SimulatedCluster

MIB = 1 << 20


@contextmanager
def serving(body: str, *, status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """An address that answers everything with one text, and what it was sent."""
    sent: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(name="cluster")
def three_brokers() -> SimulatedCluster:
    cluster = SimulatedCluster(brokers=3)
    cluster.add_topic("orders", 6, 3, size_bytes=10 * MIB, records=1_000, configs={"min.insync.replicas": "3"})
    cluster.add_topic("payments", 2, 2, size_bytes=MIB, records=100)
    cluster.add_group("billing", {TopicPartition("orders", n): 900 for n in range(6)}, {"m": []})
    cluster.add_group("old", {TopicPartition("payments", 0): 100, TopicPartition("gone", 0): 5})
    return cluster


def test_a_healthy_cluster_is_seen_whole(cluster: SimulatedCluster) -> None:
    seen = Collector(cluster.session()).look()
    assert seen.missing == {}
    wanted = {
        "cluster_up": 1, "cluster_brokers": 3, "cluster_topics": 2, "cluster_partitions": 8, "cluster_groups": 2,
        "cluster_offline_partitions": 0, "cluster_under_replicated_partitions": 0,
        "cluster_under_min_isr_partitions": 0, "cluster_log_bytes": (6 * 3 * 10 + 2 * 2) * MIB,
    }  # fmt: skip
    assert {name: seen.get(f"kappa_{name}") for name in wanted} == wanted
    assert seen.get("kappa_topic_log_bytes", topic="orders") == 180 * MIB
    assert seen.get("kappa_group_lag_records", group="billing") == 600
    assert seen.get("kappa_group_lag_records", group="old") == 0, "what was deleted is nobody's lag"
    assert seen.get("kappa_group_active", group="billing") == 1
    assert seen.get("kappa_group_active", group="old") == 0
    assert seen.get("kappa_cluster_records_per_second") is None, "one look knows no rate"


def test_a_broker_that_goes_away_is_seen(cluster: SimulatedCluster) -> None:
    collector = Collector(cluster.session())
    collector.look()
    cluster.stop_broker(2)
    seen = collector.look()
    assert seen.get("kappa_broker_up", broker=2) == 0
    assert seen.get("kappa_cluster_under_replicated_partitions") == 6 + sum(
        2 in p.replicas for p in cluster.state.topics["payments"]
    )
    assert seen.get("kappa_topic_under_min_isr_partitions", topic="orders") == 6
    assert seen.get("kappa_topic_under_min_isr_partitions", topic="payments") is None
    assert seen.get("kappa_broker_leaders", broker=2) == 0


def test_rates_and_ages_come_from_two_looks(cluster: SimulatedCluster) -> None:
    collector = Collector(cluster.session())
    collector.look()
    for minutes in range(1, 4):
        cluster.advance(60)
        for partition in cluster.state.topics["orders"]:
            partition.end += 100
        seen = collector.look()
        assert seen.get("kappa_cluster_records_per_second") == pytest.approx(10)
        assert seen.get("kappa_topic_records_per_second", topic="payments") == 0
        assert seen.get("kappa_group_lag_records", group="billing") == 600 + 600 * minutes
        assert seen.get("kappa_group_lag_seconds", group="billing") == 60 * minutes
    cluster.groups.delete("old")
    cluster.state.groups["billing"].offsets = {TopicPartition("orders", n): 1250 for n in range(6)}
    assert collector.look().get("kappa_group_lag_seconds", group="billing") == pytest.approx(30)


def test_what_fails_is_named_and_the_rest_is_seen(cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BrokerUnreachable("not authorised")

    monkeypatch.setattr(cluster.log_dirs, "describe", refuse)
    seen = Collector(cluster.session()).look()
    assert list(seen.missing) == ["disks"]
    assert "not authorised" in seen.missing["disks"]
    assert seen.get("kappa_cluster_log_bytes") is None
    assert seen.get("kappa_monitor_part_up", part="disks") == 0
    assert seen.get("kappa_group_lag_records", group="billing") == 600


def test_no_broker_at_all_is_one_reason(cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise BrokerUnreachable("no broker answers")

    monkeypatch.setattr(cluster, "describe", refuse)
    seen = Collector(cluster.session()).look()
    assert seen.get("kappa_cluster_up") == 0
    assert set(seen.missing.values()) == {"no broker answers"}


def test_every_figure_is_described_and_belongs_to_a_part(cluster: SimulatedCluster) -> None:
    assert {metric.part for metric in METRICS.values()} == set(PARTS)
    assert {figure.metric for figure in FIGURES} <= set(METRICS)
    seen = Collector(cluster.session()).look()
    text = exposition(seen, 'a"b\\c')
    back = {(name, tuple(sorted(labels.items()))): value for name, labels, value in parse_exposition(text)}
    assert back == {
        (s.metric, tuple(sorted([*s.labels, ("cluster", 'a"b\\c')]))): value for s, value in seen.values.items()
    }


def jolokia(values: dict[str, Any]) -> str:
    """A bulk answer; beans that are not named are not there."""
    rows = []
    for figure in FIGURES:
        request = {"type": "read", "mbean": figure.bean, "attribute": figure.attribute}
        if figure.metric in values:
            rows.append({"request": request, "value": values[figure.metric], "timestamp": 1, "status": 200})
        else:
            error = "javax.management.InstanceNotFoundException"
            rows.append({"request": request, "error_type": error, "error": error, "status": 404})
    return json.dumps(rows)


def test_jolokia_is_asked_once_for_all() -> None:
    wanted = {"kappa_jmx_messages_in_total": 42, "kappa_jmx_heap_used_bytes": 5e8, "kappa_jmx_network_idle_ratio": 0.5}
    with serving(jolokia(wanted)) as (address, sent):
        assert read_jmx(f"{address}/jolokia") == wanted
    assert len(sent) == 1
    asked = json.loads(sent[0])
    assert {"kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions"} < {row["mbean"] for row in asked}
    assert {"type": "read", "mbean": "java.lang:type=Memory", "attribute": "HeapMemoryUsage", "path": "used"} in asked


DEFAULT_FORMAT = """\
# HELP kafka_server_ReplicaManager_Value Attribute exposed for management
# TYPE kafka_server_ReplicaManager_Value untyped
kafka_server_ReplicaManager_Value{name="PartitionCount",} 77.0
kafka_server_ReplicaManager_Value{name="UnderReplicatedPartitions",} 3.0
kafka_server_BrokerTopicMetrics_Count{name="MessagesInPerSec",topic="orders",} 11.0
kafka_server_BrokerTopicMetrics_Count{name="MessagesInPerSec",} 42.0
kafka_server_KafkaRequestHandlerPool_OneMinuteRate{name="RequestHandlerAvgIdlePercent",} 0.97
jvm_memory_bytes_used{area="heap",} 5.0E8
jvm_memory_bytes_used{area="nonheap",} 1.0E8
process_open_fds 321.0
"""
COPIED_RULES = """\
kafka_server_replicamanager_underreplicatedpartitions 3.0
kafka_server_brokertopicmetrics_messagesin_total{topic="orders"} 11.0
kafka_server_brokertopicmetrics_messagesin_total 42.0
kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent 0.97
jvm_memory_used_bytes{area="nonheap"} 1.0E8
jvm_memory_used_bytes{area="heap"} 5.0E8
process_open_fds 321.0
"""


@pytest.mark.parametrize("text", [DEFAULT_FORMAT, COPIED_RULES], ids=["default", "copied"])
def test_the_exporter_is_understood_by_whichever_rules(text: str) -> None:
    with serving(text) as (address, _):
        assert read_jmx(f"{address}/metrics") == {
            "kappa_jmx_under_replicated_partitions": 3,
            "kappa_jmx_messages_in_total": 42,
            "kappa_jmx_request_handler_idle_ratio": 0.97,
            "kappa_jmx_heap_used_bytes": 5e8,
            "kappa_jmx_open_files": 321,
        }


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/jolokia", "<html>", 200, "no answer of Jolokia's"),
        ("/jolokia", "[]", 200, "no answer of Jolokia's"),
        ("/jolokia", "denied", 403, "status 403"),
        ("/metrics", "up 1\n", 200, "no figure of a Kafka broker"),
    ],
)
def test_what_is_no_jmx_is_said(path: str, body: str, status: int, says: str) -> None:
    with serving(body, status=status) as (address, _), pytest.raises(HostError, match=says):
        read_jmx(address.replace("//", "//user:word@") + path)


def test_jmx_and_machines_are_seen_where_they_are_set_up(cluster: SimulatedCluster, tmp_path: Path) -> None:
    (tmp_path / "server.properties").write_text(f"log.dirs={tmp_path}\n")
    host = HostEntry(1, ("broker",), "local", str(tmp_path), config_file=str(tmp_path / "server.properties"))
    away = HostEntry(2, ("broker",), "local", str(tmp_path), config_file=str(tmp_path / "missing.properties"))
    with serving(DEFAULT_FORMAT) as (address, _):
        jmx = {1: f"{address}/metrics", 2: "http://127.0.0.1:1/jolokia"}
        context = ClusterContext("c", "127.0.0.1:1", hosts=(host, away), jmx=jmx)
        seen = Collector(OpsSession(context, admin=cluster, clock=cluster.clock)).look()
    assert seen.get("kappa_jmx_messages_in_total", broker=1) == 42
    assert [seen.get("kappa_jmx_up", broker=b) for b in (1, 2)] == [1, 0]
    assert "broker 2" in seen.missing["jmx"] or "브로커 2" in seen.missing["jmx"]
    assert (seen.get("kappa_host_memory_bytes", node=1, role="broker") or 0) > MIB
    assert 0 < (seen.get("kappa_host_disk_free_ratio", node=1, role="broker", dir=str(tmp_path)) or 0) <= 1
    assert "missing.properties" in seen.missing["machines"]


def test_no_jmx_is_said(cluster: SimulatedCluster) -> None:
    assert "jmx" in Collector(cluster.session()).not_set_up()["jmx"].lower()


def test_figures_are_served_to_those_who_may_ask() -> None:
    with pytest.raises(UnsafeError):
        MetricsEndpoint("0.0.0.0", 0)
    with pytest.raises(UnsafeError):
        MetricsEndpoint("127.0.0.1", 0, "short")
    endpoint = MetricsEndpoint("127.0.0.1", 0, "a token that is long")
    try:
        url = f"http://127.0.0.1:{endpoint.port}/metrics"
        good = {"Authorization": "Bearer a token that is long"}
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Bearer another"}).status_code == 401
        assert httpx.get(url, headers=good).status_code == 503
        seen = Snapshot(0)
        seen.put("kappa_cluster_up", 1)
        endpoint.publish(exposition(seen, "dev"), [])
        assert 'kappa_cluster_up{cluster="dev"} 1' in httpx.get(url, headers=good).text
        assert httpx.get(url.replace("metrics", "alerts"), headers=good).json() == []
        assert httpx.get(url.replace("metrics", "else"), headers=good).status_code == 404
    finally:
        endpoint.close()


LARGE = """
import json, sys, time
from pathlib import Path
from kappaflow.ops.monitor import Monitor, TimeStore
from kappaflow.testing.simulated_cluster.large import large_cluster
cluster = large_cluster()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before = resident()
directory = Path(sys.argv[1])
took, sizes = [], []
with TimeStore(directory) as store:
    monitor = Monitor(cluster.session(), store, directory)
    for _ in range(6):
        started = time.perf_counter()
        seen, _, problems = monitor.refresh()
        took.append(time.perf_counter() - started)
        assert not seen.missing and not problems, (seen.missing, problems)
        sizes.append(resident() - before)
        cluster.advance(60)
        for rows in cluster.state.topics.values():
            for partition in rows:
                partition.end += 7
    # Not ru_maxrss: that takes the largest of the process that started this one along.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({
        "seconds": took, "bytes": sizes, "peak": peak,
        "series": len(store), "store": store.bytes(), "partitions": seen.get("kappa_cluster_partitions"),
        "groups": seen.get("kappa_cluster_groups"), "dropped": store.dropped,
    }))
"""


def test_nine_thousand_topics_are_seen_in_ten_seconds_and_little_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path / "store")], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["partitions"] >= 40_000
    assert found["groups"] == 2_000
    assert found["dropped"] == 0
    assert max(found["seconds"]) < 10, found
    assert found["peak"] < 500 << 20, found
    assert found["bytes"][-1] - found["bytes"][2] < 32 << 20, f"memory grows from look to look: {found}"
    assert found["store"] < 1 << 30


def test_a_monitor_goes_on_where_the_disk_fails(cluster: SimulatedCluster, tmp_path: Path) -> None:
    with TimeStore(tmp_path / "s") as store:
        monitor = Monitor(cluster.session(), store, tmp_path / "nowhere")
        _, _, problems = monitor.refresh()
    assert len(problems) == 1, "alerts could not be kept, and that is said"
