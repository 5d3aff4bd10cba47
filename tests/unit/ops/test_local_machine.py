"""Processes and file systems of local clusters, without any server of Kafka: ends are whole, nothing stays mounted."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kappaflow.errors import ConfigError
from kappaflow.ops.contexts import HostEntry
from kappaflow.ops.hosts.local_host import LocalHost
from kappaflow.ops.local_clusters.cluster import LocalCluster
from kappaflow.ops.local_clusters.file_systems import mount, mounted_below
from kappaflow.ops.local_clusters.layout import ClusterSpec, new_layout

EXIT_CALLS = {"x86_64": 60, "aarch64": 93}
FIRST_THREAD_ENDS = """
import ctypes, sys, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall(int(sys.argv[1]), 0)
"""


@pytest.fixture(name="cluster")
def laid_out(tmp_path: Path) -> LocalCluster:
    """One broker on paper, in a folder whose name has a space."""
    home = tmp_path / "a cluster"
    (home / "broker-1").mkdir(parents=True)
    new_layout("c", home, ClusterSpec(brokers=1)).write(home)
    return LocalCluster(home)


def small_disk(cluster: LocalCluster) -> Path:
    try:
        return cluster.add_disk("broker-1", 1 << 20)
    except ConfigError as error:
        pytest.skip(str(error))


def test_no_file_system_stays_mounted_though_a_file_in_it_is_open(cluster: LocalCluster) -> None:
    path = small_disk(cluster)
    mount(path, 1 << 20)  # one on the other
    assert mounted_below(cluster.directory) == [path, path]
    with (path / "open").open("w"):
        busy = subprocess.run(["umount", str(path)], capture_output=True, check=False)
        assert busy.returncode != 0, "an open file keeps it from being unmounted"
        cluster.delete()
        assert mounted_below(cluster.directory) == []
    assert not cluster.directory.exists()


def test_a_broker_that_goes_takes_its_file_system_with_it(cluster: LocalCluster) -> None:
    cluster.layout.add_node(cluster.directory, ("broker",), 2, cluster.node("broker-1").version)
    cluster.home(cluster.node("broker-2")).mkdir()
    path = small_disk(cluster)
    gone = cluster.add_disk("broker-2", 1 << 20)
    cluster.remove_broker("broker-2")
    assert mounted_below(cluster.directory) == [path]
    assert not gone.exists()
    cluster.delete()
    assert mounted_below(cluster.directory) == []


def test_a_process_runs_as_long_as_one_of_its_threads(tmp_path: Path) -> None:
    number = EXIT_CALLS.get(platform.machine())
    if number is None:
        pytest.skip(f"the number of the call exit is not known here for {platform.machine()}")
    command = [sys.executable, "-c", FIRST_THREAD_ENDS, str(number)]
    (tmp_path / "service.json").write_text(json.dumps({"command": command, "environment": {}}))
    host = LocalHost(HostEntry(1, ("broker",), "local", str(tmp_path), "server"))
    host.start()
    pid = host.service_state().pid
    deadline = time.monotonic() + 10
    while "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]:
        assert time.monotonic() < deadline, "the first thread did not end"
        time.sleep(0.01)
    assert host.service_state().state == "active", "its files and ports are still open"
    host.kill()
    assert host.service_state().state == "failed"
    assert not Path(f"/proc/{pid}").exists()
