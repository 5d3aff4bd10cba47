"""A real Apache Kafka cluster (KRaft) on this machine: jars from Maven Central, free ports, small heaps.

    with ApacheKafka(brokers=3) as kafka:
        kafka.bootstrap_servers      # "127.0.0.1:21001,127.0.0.1:21002,127.0.0.1:21003"
        kafka.kill(2)                # SIGKILL, as a crash
        kafka.start(2)               # the same node, on the same port and data
        kafka.stop(1)                # SIGTERM, a controlled shutdown that hands leadership over

Nodes are numbered from 1.  Every node is broker and controller, or, with ``controllers="separate"``, one more
node is the only controller and the brokers are nothing else.  A node dies with the process that started it.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

from kappaflow.errors import BrokerUnreachable, ConfigError
from kappaflow.testing.java_program import KAFKA_VERSION
from kappaflow.testing.maven import class_path, resolve_jars
from kappaflow.testing.ports import free_port
from kappaflow.testing.toolchain import command_path

HOST = "127.0.0.1"
READY_TIMEOUT_S = 90
STOP_TIMEOUT_S = 60
QUICK_JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
LOG4J2 = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
"""


@dataclass
class _Node:
    """One server process and its files."""

    number: int
    roles: str
    port: int
    controller_port: int
    home: Path
    process: subprocess.Popen[bytes] | None = None
    guard: subprocess.Popen[bytes] | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def properties_file(self) -> Path:
        return self.home / "server.properties"

    @property
    def log_file(self) -> Path:
        return self.home / "server.log"


def live_brokers(port: int) -> int:
    """How many brokers the one at this port sees alive; 0 when it does not answer.

    Sends Metadata version 1 for no topics, written out by hand so that nothing under test is needed.
    """
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return 0
    return struct.unpack(">iii", head)[2] if len(head) == 12 else 0


class ApacheKafka:
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
        self._java = command_path("java")
        self._jars = class_path(resolve_jars(broker_dependencies(version)))
        self._own_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="kappaflow-kafka-"))
        self._jvm = [f"-Xmx{heap}", f"-Xms{heap}", *jvm_options]
        self._cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        self._logging = self.directory / "log4j2.properties"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._logging.write_text(LOG4J2)
        self._nodes: dict[int, _Node] = {}
        self._more_listeners = tuple(more_listeners)
        self._lay_out(brokers, controllers, {k: str(v) for k, v in (configs or {}).items()})
        self.bootstrap_servers = ",".join(f"{HOST}:{n.port}" for n in self._brokers())
        try:
            self._format()
            if start:
                for number in self._nodes:
                    self.start(number, wait=False)
                self.wait_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ApacheKafka:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _brokers(self) -> list[_Node]:
        return [node for node in self._nodes.values() if "broker" in node.roles]

    def _lay_out(self, brokers: int, controllers: str, configs: Mapping[str, str]) -> None:
        combined = controllers == "combined"
        roles = ["broker,controller" if combined else "broker"] * brokers + ([] if combined else ["controller"])
        for number, role in enumerate(roles, start=1):
            home = self.directory / f"node-{number}"
            home.mkdir(parents=True, exist_ok=True)
            self._nodes[number] = _Node(number, role, free_port(), free_port(), home)
        quorum = ",".join(
            f"{n.number}@{HOST}:{n.controller_port}" for n in self._nodes.values() if "controller" in n.roles
        )
        copies = min(brokers, 3)
        for node in self._nodes.values():
            node.properties = {
                **server_properties(node.number, node.roles, node.port, node.controller_port, copies),
                "controller.quorum.voters": quorum,
                "log.dirs": str(node.home / "data"),
                **configs,
            }
            for name in ("listeners", "advertised.listeners") if "broker" in node.roles else ():
                node.properties[name] = ",".join((node.properties[name], *self._more_listeners))
            node.properties_file.write_text("".join(f"{k}={v}\n" for k, v in node.properties.items()))

    def _format(self) -> None:
        """Write each node's storage identity, all nodes at once because each is a JVM start."""
        jobs: list[tuple[_Node, subprocess.Popen[bytes]]] = []
        for node in self._nodes.values():
            arguments = [
                "format",
                "-t",
                self._cluster_id,
                "-c",
                str(node.properties_file),
                "--ignore-formatted",
            ]
            with (node.home / "format.log").open("wb") as log:
                jobs.append((node, self._spawn("kafka.tools.StorageTool", arguments, log)))
        failed = [node for node, job in jobs if job.wait(READY_TIMEOUT_S)]
        if failed:
            text = (failed[0].home / "format.log").read_text()[-1500:]
            raise ConfigError(f"Kafka {self.version} could not format node {failed[0].number}: {text}")

    def _spawn(self, main_class: str, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._java_command(self._jvm), main_class, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _java_command(self, jvm_options: Sequence[str]) -> list[str]:
        settings = f"-Dlog4j2.configurationFile={self._logging}"
        return [self._java, *jvm_options, settings, f"-Dkafka.logs.dir={self.directory}", "-cp", self._jars]

    def pid(self, number: int) -> int:
        """The process id of a running node.

        Raises:
            ConfigError: the node does not run.
        """
        process = self._nodes[number].process
        if process is None:
            raise ConfigError(f"Kafka node {number} does not run; start it first.")
        return process.pid

    def is_running(self, number: int) -> bool:
        """Whether a node was started and neither stopped nor killed since."""
        return self._nodes[number].process is not None

    def log_text(self, number: int) -> str:
        """What a node has logged so far."""
        return self._nodes[number].log_file.read_text(errors="replace")

    def start(self, number: int, *, wait: bool = True) -> None:
        """Start a node that does not run, on its old port and data.

        Args:
            number: the node, from 1.
            wait: whether to return only when all running brokers are ready.
        """
        node = self._nodes[number]
        if node.process is not None:
            raise ConfigError(f"Kafka node {number} runs already.")
        with node.log_file.open("ab") as log:
            node.process = self._spawn("kafka.Kafka", [str(node.properties_file)], log)
        # The guard ends the node when this process ends in whatever way: its standard input closes.
        node.guard = subprocess.Popen(
            ["/bin/sh", "-c", 'cat >/dev/null; kill -9 "$0" 2>/dev/null', str(node.process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        if wait:
            self.wait_ready()

    def stop(self, number: int) -> None:
        """Shut a node down in a controlled way and wait for its end."""
        self._end(number, gently=True)

    def kill(self, number: int) -> None:
        """End a node at once, as a crash does."""
        self._end(number, gently=False)

    def _end(self, number: int, *, gently: bool) -> None:
        node = self._nodes[number]
        process, guard = node.process, node.guard
        if process is None:
            return
        node.process = node.guard = None
        if guard is not None:
            guard.kill()
            guard.wait()
            if guard.stdin is not None:
                guard.stdin.close()
        if gently:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        else:
            process.kill()
        process.wait()

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when every running broker sees every running broker.

        Raises:
            ConfigError: a node ended instead; the message has the end of its log.
            BrokerUnreachable: the time ran out.
        """
        running = [node for node in self._brokers() if node.process is not None]
        deadline = time.monotonic() + timeout_s
        while any(live_brokers(node.port) < len(running) for node in running):
            for node in self._nodes.values():
                if node.process is not None and node.process.poll() is not None:
                    text = self.log_text(node.number)[-1500:]
                    raise ConfigError(f"Kafka node {node.number} ended while starting: {text}")
            if time.monotonic() > deadline:
                raise BrokerUnreachable(
                    f"Kafka at {self.bootstrap_servers} is not ready after {timeout_s:.0f} s."
                    f" Its logs are in {self.directory}."
                )
            time.sleep(0.1)

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
        for number in self._nodes:
            self.kill(number)
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def java_tool(
    main_class: str, *arguments: str, version: str = KAFKA_VERSION, stdin: str = "", timeout_s: float = 90
) -> str:
    """Run one of Kafka's command-line tools, against any broker, and return its standard output.

    Raises:
        ConfigError: Java, Maven or the jars are missing, or the tool ended with another code than 0.
    """
    jars = class_path(resolve_jars(broker_dependencies(version)))
    command = [command_path("java"), "-Xmx256m", *QUICK_JVM, "-Dlog4j2.level=WARN", "-cp", jars, main_class]
    done = subprocess.run(
        [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-2000:]
        raise ConfigError(f"{main_class} ended with code {done.returncode}: {output}")
    return done.stdout


def broker_dependencies(version: str) -> list[str]:
    """Maven coordinates of the broker, its tools and its logging.

    Source: the artifacts that Kafka's own release archive holds in ``libs``.
    """
    return [
        f"org.apache.kafka:kafka_2.13:{version}",
        f"org.apache.kafka:kafka-tools:{version}",
        *([] if version.startswith("3.") else ["org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"]),
    ]


def server_properties(number: int, roles: str, port: int, controller_port: int, copies: int) -> dict[str, str]:
    """The properties of one node, for tests: quick group starts, few internal partitions, no surprises.

    Args:
        number: the node id.
        roles: ``process.roles``.
        port: the listener for clients.
        controller_port: the listener for the quorum.
        copies: default replication factor; the minimum in-sync replicas follow.
    """
    listeners: list[str] = []
    if "broker" in roles:
        listeners.append(f"PLAINTEXT://{HOST}:{port}")
    if "controller" in roles:
        listeners.append(f"CONTROLLER://{HOST}:{controller_port}")
    in_sync = max(1, copies - 1)
    properties: dict[str, object] = {
        "node.id": number,
        "process.roles": roles,
        "listeners": ",".join(listeners),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "num.partitions": 1,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "auto.create.topics.enable": "false",
        "controlled.shutdown.enable": "true",
        "log.cleaner.dedupe.buffer.size": 16 << 20,
    }
    if "broker" in roles:
        properties |= {"advertised.listeners": listeners[0], "inter.broker.listener.name": "PLAINTEXT"}
    return {name: str(value) for name, value in properties.items()}
