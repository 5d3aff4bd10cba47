"""Everything that the rules look at, asked for once.

What cannot be asked, such as the disks of a broker that fails or a machine that is not reached, is kept as a reason and
becomes a finding of its own: an examination that saw half does not call the cluster well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kappaflow.errors import KappaError
from kappaflow.ops.admin.faces import (
    ClusterState,
    ConfigEntry,
    ConfigResource,
    FeatureState,
    LogDirState,
    PartitionState,
    Reassignment,
    TopicState,
)
from kappaflow.ops.doctor import texts as _texts
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.reassignment.throttles import Throttle, find_throttles
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade.software import LINK_OPTION, version_of
from kappaflow.runtime.messages import message

assert _texts

TOPIC_CONFIGS = ("min.insync.replicas", "unclean.leader.election.enable", "max.message.bytes")
BROKER_CONFIGS = (
    "unclean.leader.election.enable",
    "auto.create.topics.enable",
    "delete.topic.enable",
    "message.max.bytes",
    "listeners",
    "listener.security.protocol.map",
    "inter.broker.protocol.version",
)
_HEAP = re.compile(r"^-Xmx(\d+)([kmgt]?)$", re.IGNORECASE)
_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_FILES = re.compile(r"^Max open files\s+(\d+|unlimited)", re.MULTILINE)
UNLIMITED = 1 << 63


class Machine(NamedTuple):
    """The process of a broker and its machine; None where it does not say.

    Attributes:
        heap_bytes: the largest heap its Java takes.
        memory_bytes: of the machine.
        open_files: how many files the process may have open.
        version: of its software; empty where it cannot be told.
    """

    heap_bytes: int | None
    memory_bytes: int | None
    open_files: int | None
    version: str


@dataclass
class Observation:
    """A cluster at one moment; ``unseen`` has why something could not be looked at, by what that is."""

    cluster: ClusterState
    topics: Mapping[str, TopicState]
    topic_configs: Mapping[str, Mapping[str, ConfigEntry]] = field(default_factory=dict[str, Mapping[str, ConfigEntry]])
    broker_configs: Mapping[int, Mapping[str, ConfigEntry]] = field(
        default_factory=dict[int, Mapping[str, ConfigEntry]]
    )
    log_dirs: list[LogDirState] = field(default_factory=list[LogDirState])
    throttles: list[Throttle] = field(default_factory=list[Throttle])
    reassignments: list[Reassignment] = field(default_factory=list[Reassignment])
    features: dict[int, Mapping[str, FeatureState]] = field(default_factory=dict[int, Mapping[str, FeatureState]])
    machines: dict[int, Machine] = field(default_factory=dict[int, Machine])
    unseen: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def alive(self) -> list[int]:
        """Ids of the brokers that are alive."""
        return sorted(broker.node_id for broker in self.cluster.brokers)

    @property
    def partitions(self) -> list[PartitionState]:
        """All partitions."""
        return [p for _, topic in sorted(self.topics.items()) for p in topic.partitions]

    def min_in_sync(self, topic: str) -> int:
        """``min.insync.replicas`` in force; 1 where it is unknown."""
        entry = self.topic_configs.get(topic, {}).get("min.insync.replicas")
        return int(entry.value or 1) if entry else 1

    def is_own(self, topic: str) -> bool:
        """Whether a topic is the brokers' own."""
        return self.topics[topic].is_internal or topic.startswith("__")


def observe(session: OpsSession) -> Observation:
    """Look at a cluster.

    Raises:
        BrokerUnreachable: no broker answers.
        BrokerError: the brokers do not say which topics there are.
    """
    admin = session.admin
    seen = Observation(admin.describe(), admin.topics.describe())
    topics = [ConfigResource("topic", name) for name in sorted(seen.topics)]
    brokers = [ConfigResource("broker", str(number)) for number in seen.alive]

    def configs_of_topics() -> None:
        seen.topic_configs = {r.name: e for r, e in admin.configs.describe(topics, TOPIC_CONFIGS).items()}

    def configs_of_brokers() -> None:
        seen.broker_configs = {int(r.name): e for r, e in admin.configs.describe(brokers, BROKER_CONFIGS).items()}

    def throttles() -> None:
        seen.throttles = find_throttles(session)

    def reassignments() -> None:
        seen.reassignments = admin.placement.reassignments()

    _attempt(seen, message("seen.topic_configs"), configs_of_topics)
    _attempt(seen, message("seen.broker_configs"), configs_of_brokers)
    _attempt(seen, message("seen.throttles"), throttles)
    _attempt(seen, message("seen.reassignments"), reassignments)
    for number in seen.alive:
        _attempt(
            seen,
            message("seen.disks", broker=number),
            lambda n=number: seen.log_dirs.extend(admin.log_dirs.describe([n])),
        )
        _attempt(
            seen,
            message("seen.features", broker=number),
            lambda n=number: seen.features.update({n: admin.features.describe(n)}),
        )
    for host in session.hosts.all("broker") if session.context.hosts else ():
        _attempt(seen, message("seen.machine", broker=host.entry.node_id), lambda h=host: _look_at(seen, h))
    return seen


def _attempt(seen: Observation, what: str, look: Callable[[], None]) -> None:
    try:
        look()
    except KappaError as error:
        seen.unseen[what] = str(error)


def _look_at(seen: Observation, host: Host) -> None:
    pid = host.service_state().pid
    if not pid:
        return
    arguments = host.read_file(f"/proc/{pid}/cmdline").decode(errors="replace").split("\0")
    memory = _MEMORY.search(host.read_file("/proc/meminfo").decode(errors="replace"))
    files = _FILES.search(host.read_file(f"/proc/{pid}/limits").decode(errors="replace"))
    seen.machines[host.entry.node_id] = Machine(
        heap_bytes(arguments),
        int(memory[1]) * 1024 if memory else None,
        None if files is None else UNLIMITED if files[1] == "unlimited" else int(files[1]),
        version_of(host) if host.entry.options.get(LINK_OPTION) else "",
    )


def heap_bytes(arguments: list[str]) -> int | None:
    """The largest heap among the arguments of a Java process; the last one counts.

    >>> heap_bytes(["java", "-Xmx1G", "-Xmx512m", "kafka.Kafka"])
    536870912
    >>> heap_bytes(["java", "kafka.Kafka"])
    """
    found = [match for match in map(_HEAP.match, arguments) if match]
    return int(found[-1][1]) << (10 * " kmgt".index(found[-1][2].lower() or " ")) if found else None
