"""What servers of a local cluster are told; nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.cli.cluster.local_clusters import texts
from kappaflow.errors import ConfigError, UsageError
from kappaflow.ops.local_clusters.cluster import LocalCluster
from kappaflow.ops.local_clusters.layout import ClusterLayout, ClusterSpec, new_layout


def properties(layout: ClusterLayout, name: str) -> dict[str, str]:
    text = layout.config_text(Path("/x"), layout.nodes[name])
    return dict(line.split("=", 1) for line in text.splitlines())


def test_combined_kraft_nodes_are_all_voters() -> None:
    layout = new_layout("c", Path("/x"), ClusterSpec(brokers=3, version="3.9.2"))
    found = properties(layout, "broker-2")
    assert found["process.roles"] == "broker,controller"
    assert [voter.split("@")[0] for voter in found["controller.quorum.voters"].split(",")] == ["1", "2", "3"]


def test_a_dynamic_quorum_names_addresses_and_gives_directory_ids() -> None:
    layout = new_layout("c", Path("/x"), ClusterSpec(brokers=2, version="4.3.0", controllers=3))
    found = properties(layout, "broker-1")
    assert "controller.quorum.voters" not in found
    assert len(found["controller.quorum.bootstrap.servers"].split(",")) == 3
    assert all(node.directory_id for node in layout.of_role("controller"))
    assert [node.number for node in layout.of_role("controller")] == [101, 102, 103]


@pytest.mark.parametrize(
    "spec",
    [
        ClusterSpec(brokers=3, version="4.3.0"),
        ClusterSpec(brokers=1, version="4.3.0", controllers=3, dynamic_quorum=False),
        ClusterSpec(brokers=1, version="3.9.2", zookeepers=1),
    ],
)
def test_controllers_are_added_only_where_they_can_join(tmp_path: Path, spec: ClusterSpec) -> None:
    new_layout("c", tmp_path, spec).write(tmp_path)
    with pytest.raises(UsageError, match="no controllers of their own"):
        LocalCluster(tmp_path).add_controller()


def test_zookeeper_servers_name_each_other_and_brokers_name_them() -> None:
    layout = new_layout("c", Path("/x"), ClusterSpec(brokers=1, version="2.8.2", zookeepers=3, disks=2))
    broker = properties(layout, "broker-1")
    assert len(broker["zookeeper.connect"].split(",")) == 3
    assert broker["log.dirs"].split(",") == ["/x/broker-1/data", "/x/broker-1/data-2"]
    assert {"server.1", "server.2", "server.3"} <= set(properties(layout, "zookeeper-2"))
    assert {node.version for node in layout.of_role("zookeeper")} == {"3.5.9"}


def test_configs_of_one_broker_go_over_those_of_all() -> None:
    spec = ClusterSpec(brokers=2, configs={"num.io.threads": 4}, broker_configs={2: {"num.io.threads": 2}})
    layout = new_layout("c", Path("/x"), spec)
    assert [properties(layout, f"broker-{n}")["num.io.threads"] for n in (1, 2)] == ["4", "2"]


def test_a_layout_reads_back_what_it_wrote(tmp_path: Path) -> None:
    layout = new_layout("c", tmp_path, ClusterSpec(brokers=2, racks=("a",), version="3.9.2", zookeepers=1))
    layout.write(tmp_path)
    assert ClusterLayout.read(tmp_path) == layout


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (ClusterSpec(version="4.0.0", zookeepers=1), "knows no ZooKeeper"),
        (ClusterSpec(version="2.8.2"), "needs ZooKeeper"),
        (ClusterSpec(version="new"), "no version"),
        (ClusterSpec(version="3.9.2", zookeepers=1, controllers=1), "KRaft's"),
    ],
)
def test_what_cannot_be_is_refused(spec: ClusterSpec, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        new_layout("c", Path("/x"), spec)


def test_texts_exist_in_both_languages() -> None:
    assert set(texts.ENGLISH) == set(texts.KOREAN)
