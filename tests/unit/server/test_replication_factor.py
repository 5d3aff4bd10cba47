"""How many replicas a server gives the topics that it creates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kappaflow.client.admin import NewTopic
from kappaflow.errors import BrokerError
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control import command_topic
from kappaflow.server.control.command_topic import create_command_topic


class Cluster:
    """An admin client of a cluster with some live brokers, that keeps what was created."""

    def __init__(self, live: int) -> None:
        self.live = live
        self.topics: dict[str, NewTopic] = {}
        self.forgetful = 0

    def describe_cluster(self) -> Any:
        return SimpleNamespace(brokers=range(self.live))

    def create_topic(self, topic: NewTopic, *, exist_ok: bool = False) -> bool:
        assert exist_ok
        return self.topics.setdefault(topic.name, topic) is topic

    def describe_topics(self, names: list[str]) -> Any:
        if self.forgetful:
            self.forgetful -= 1
            return {}

        def described(topic: NewTopic) -> Any:
            return SimpleNamespace(partitions=[SimpleNamespace(replicas=range(topic.replication_factor))])

        return {name: described(self.topics[name]) for name in names}


@pytest.mark.parametrize(("live", "replicas"), [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_the_first_server_goes_by_the_brokers(live: int, replicas: int) -> None:
    cluster: Any = Cluster(live)
    config = ServerConfig()
    assert create_command_topic(cluster, config) == replicas
    created = cluster.topics[config.command_topic]
    assert created.replication_factor == replicas
    assert created.configs.get("min.insync.replicas") == (str(replicas - 1) if replicas > 1 else None)


def test_a_server_that_starts_while_a_broker_is_away_keeps_the_first_choice() -> None:
    cluster: Any = Cluster(3)
    create_command_topic(cluster, ServerConfig())
    cluster.live = 2
    assert create_command_topic(cluster, ServerConfig()) == 3


def test_a_configured_factor_wins() -> None:
    cluster: Any = Cluster(3)
    create_command_topic(cluster, ServerConfig())
    assert create_command_topic(cluster, ServerConfig(replication_factor=2)) == 2


def test_a_topic_that_another_process_has_just_created_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_topic, "KNOWN_PAUSE_SECONDS", 0.0)
    cluster: Any = Cluster(3)
    create_command_topic(cluster, ServerConfig())
    cluster.forgetful = 3
    assert create_command_topic(cluster, ServerConfig()) == 3
    cluster.forgetful = 10**9
    monkeypatch.setattr(command_topic, "KNOWN_SECONDS", 0)
    with pytest.raises(BrokerError, match="did not know it"):
        create_command_topic(cluster, ServerConfig())
