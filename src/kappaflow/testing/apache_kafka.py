"""A real Apache Kafka cluster (KRaft) on this machine: jars from Maven Central, free ports, small heaps.

    with ApacheKafka(brokers=3) as kafka:
        kafka.bootstrap_servers      # "127.0.0.1:21001,127.0.0.1:21002,127.0.0.1:21003"
        kafka.kill(2)                # SIGKILL, as a crash
        kafka.start(2)               # the same node, on the same port and data
        kafka.stop(1)                # SIGTERM, a controlled shutdown that hands leadership over

Nodes are numbered from 1.  Every node is broker and controller, or, with ``controllers="separate"``, one more
node is the only controller and the brokers are nothing else.  A node dies with the process that started it.
``LocalCluster`` has other versions, ZooKeeper, several disks and racks.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters.maven import class_path
from kappaflow.ops.local_clusters.programs import command_path
from kappaflow.ops.local_clusters.readiness import live_brokers
from kappaflow.ops.local_clusters.software import KAFKA_VERSION, QUICK_JVM, broker_dependencies, kafka_jars
from kappaflow.runtime.closing import Closing
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

__all__ = ["QUICK_JVM", "ApacheKafka", "broker_dependencies", "java_tool", "live_brokers"]

READY_TIMEOUT_S = 90.0


class ApacheKafka(Closing):
    """A cluster of real Kafka servers, started on construction.

    Attributes:
        bootstrap_servers: the brokers' addresses, comma-separated.
        directory: data and logs of all nodes.
        version: Kafka's version.
    """

    def __init__(
        self,
        brokers: int = 1,
        version: str = KAFKA_VERSION,
        configs: Mapping[str, object] | None = None,
        *,
        more_listeners: Sequence[str] = (),
        controllers: Literal["combined", "separate"] = "combined",
        heap: str = "512m",
        jvm_options: Sequence[str] = QUICK_JVM,
        directory: Path | None = None,
        start: bool = True,
    ) -> None:
        """Lay out the cluster and start it.

        Args:
            brokers: number of brokers.
            version: Apache Kafka's version, 3.9 or later.
            configs: broker properties over the defaults (replication 3 and min ISR 2 where there are three).
            more_listeners: of each broker, such as ``SASL_PLAINTEXT://127.0.0.1:9093``; for one broker.
            controllers: whether brokers are controllers too, or one separate node is.
            heap: JVM heap of each node.
            jvm_options: more JVM options; the default trades peak speed for a quick start.
            directory: data and logs; a temporary directory that ``close`` removes by default.
            start: whether to start all nodes and wait until they are ready.

        Raises:
            ConfigError: Java, Maven or the jars are missing, or a node ended while starting.
        """
        self.version = version
        spec = ClusterSpec(
            brokers=brokers,
            version=version,
            controllers=1 if controllers == "separate" else 0,
            configs=configs or {},
            more_listeners=more_listeners,
            heap=heap,
            jvm_options=jvm_options,
            dynamic_quorum=False,
            first_controller=brokers + 1,
        )
        self._cluster = LocalCluster(spec, directory=directory, start=start)
        self._names = {node.number: name for name, node in self._cluster.layout.nodes.items()}
        self.directory = self._cluster.directory
        self.bootstrap_servers = self._cluster.bootstrap_servers

    def pid(self, number: int) -> int:
        """The process id of a running node.

        Raises:
            ConfigError: the node does not run.
        """
        pid = self._cluster.host(self._names[number]).service_state().pid
        if not pid:
            raise ConfigError(f"Kafka node {number} does not run; start it first.")
        return pid

    def is_running(self, number: int) -> bool:
        """Whether a node runs."""
        return self._cluster.is_running(self._names[number])

    def log_text(self, number: int) -> str:
        """What a node has logged so far."""
        return self._cluster.log_text(self._names[number])

    def start(self, number: int, *, wait: bool = True) -> None:
        """Start a node that does not run, on its old port and data.

        Args:
            number: the node, from 1.
            wait: whether to return only when all running brokers are ready.
        """
        if self.is_running(number):
            raise ConfigError(f"Kafka node {number} runs already.")
        self._cluster.start(self._names[number], wait=wait)

    def stop(self, number: int) -> None:
        """Shut a node down in a controlled way and wait for its end."""
        self._cluster.stop(self._names[number])

    def kill(self, number: int) -> None:
        """End a node at once, as a crash does."""
        self._cluster.kill(self._names[number])
        self._cluster.stop(self._names[number])  # that it is away is meant

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when every running broker sees every running broker.

        Raises:
            ConfigError: a node ended instead; the message has the end of its log.
            BrokerUnreachable: the time ran out.
        """
        self._cluster.wait_ready(timeout_s)

    def java_tool(self, main_class: str, *arguments: str, stdin: str = "", timeout_s: float = 90) -> str:
        """Run one of Kafka's command-line tools and return its standard output.

        Args:
            main_class: such as ``org.apache.kafka.tools.TopicCommand`` or ``kafka.tools.DumpLogSegments``.
            *arguments: its command line; the bootstrap servers are not added.
            stdin: what it reads.
            timeout_s: when to give up.

        Raises:
            ConfigError: the tool ended with another code than 0.
        """
        return java_tool(main_class, *arguments, version=self.version, stdin=stdin, timeout_s=timeout_s)

    def close(self) -> None:
        """End all nodes and remove a temporary directory."""
        self._cluster.close()


def java_tool(
    main_class: str, *arguments: str, version: str = KAFKA_VERSION, stdin: str = "", timeout_s: float = 90
) -> str:
    """Run one of Kafka's command-line tools, against any broker, and return its standard output.

    Raises:
        ConfigError: Java, Maven or the jars are missing, or the tool ended with another code than 0.
    """
    jars = class_path(kafka_jars(version))
    command = [command_path("java"), "-Xmx256m", *QUICK_JVM, "-Dlog4j2.level=WARN", "-cp", jars, main_class]
    done = subprocess.run(
        [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        output = done.stdout[-1000:] + done.stderr[:1500]  # what is wrong stands before the usage
        raise ConfigError(f"{main_class} ended with code {done.returncode}: {output}")
    return done.stdout
