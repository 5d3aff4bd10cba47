"""Every private part of kafka-python that is used is there, in the version that is pinned."""

from __future__ import annotations

import ast
import re
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from kappaflow.client import kafka_python
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.kafka_python import PRIVATE_PARTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in PRIVATE_PARTS.items() for name in names])
def test_private_parts_exist(owner: Any, name: str) -> None:
    assert hasattr(owner, name), f"{owner.__module__}.{owner.__name__} has no {name} any more"


def test_the_version_is_pinned_exactly_and_installed() -> None:
    pinned = re.search(r'"kafka-python==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert version("kafka-python") == pinned.group(1)


def test_attributes_set_in_constructors_exist() -> None:
    net = kafka_python.NetworkSelector()
    manager = kafka_python.ConnectionManager(net, bootstrap_servers="127.0.0.1:1")
    assert manager._net is net
    assert manager.cluster.config["allow_auto_create_topics"] is False
    assert manager.config["socket_options"]
    assert manager.broker_version is None
    assert (manager.broker_version_data, manager._bootstrap_future) == (None, None)
    cluster = manager.cluster
    assert (cluster._brokers, cluster.controller, cluster.cluster_id) == ({}, None, None)
    assert (cluster._last_refresh_ms, cluster._last_successful_refresh_ms, cluster._need_update) == (0, 0, True)
    net.close()


def test_connections_of_a_process_share_threads_and_what_they_know() -> None:
    """A broker that answers is needed only by the first one."""
    net = kafka_python.NetworkSelector()
    first, second = (kafka_python.ConnectionManager(net, bootstrap_servers="127.0.0.1:1") for _ in range(2))
    first.cluster._brokers = {7: "a broker"}
    second.adopt(first)
    assert second.bootstrapped
    assert list(second.cluster.brokers()) == ["a broker"]
    second.cluster._brokers.clear()
    assert first.cluster._brokers
    net._ready.clear()  # the connections look for brokers for as long as there is a loop
    net.close()


@pytest.mark.parametrize("error", [RuntimeError("not Kafka's"), kafka_python.kafka_errors.KafkaConnectionError("late")])
@pytest.mark.parametrize("of_another", [False, True])
def test_metadata_is_refreshed_again_after_any_error(error: Exception, of_another: bool) -> None:
    """Whether the loop began the refresh that fails itself, or waits for that of another caller."""
    net = kafka_python.NetworkSelector()
    net.start()
    manager = kafka_python.ConnectionManager(net, bootstrap_servers="127.0.0.1:1")
    manager._bootstrap_future = kafka_python.Future().success(True)
    cluster, failures, refreshed = manager.cluster, [] if of_another else [error], threading.Event()

    async def refresh(node_id: object = None) -> None:
        if failures:
            raise failures.pop()
        cluster._need_update = False
        cluster._last_refresh_ms = cluster._last_successful_refresh_ms = time.monotonic() * 1000
        refreshed.set()

    cluster.refresh_metadata = refresh
    if of_another:
        cluster._refresh_future = kafka_python.Future()
    net.run(cluster.start_refresh_loop)
    if of_another:
        net.run(lambda: cluster._refresh_future.failure(error) and None)
    assert refreshed.wait(10)
    net.run(manager.close)
    net.close()


def test_as_many_threads_as_connections_until_there_are_enough() -> None:
    threads = IoThreads(most=2)
    nets = [threads.take(f"client-{number}") for number in range(5)]
    assert sorted(nets.count(net) for net in set(nets)) == [2, 3]
    assert threads.patience == 1.0
    for net in nets[:4]:
        threads.give_back(net)
    assert not nets[4]._closed
    threads.give_back(nets[4])
    assert all(net._closed for net in nets)


def test_nothing_else_imports_kafka_python() -> None:
    """One module names it, so that one test can hold it."""
    allowed = {"src/kappaflow/client/kafka_python.py"}
    found: set[str] = set()
    for path in sorted((ROOT / "src/kappaflow").rglob("*.py")):
        if path.is_relative_to(ROOT / "src/kappaflow/ops"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                names = [str(node.args[0].value)] if called == "import_module" else []
            if any(name.split(".")[0] == "kafka" for name in names):
                found.add(path.relative_to(ROOT).as_posix())
    assert found == allowed
