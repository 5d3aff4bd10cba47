"""A cluster of real servers on this machine.

cluster = LocalCluster.create("play", Path("play"), ClusterSpec(brokers=3, version="3.9.2", zookeepers=3))
cluster.start_all()
cluster.kill("broker-2")
cluster.start("broker-2")
cluster.add_broker()
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from kappaflow.errors import BrokerUnreachable, ConfigError, HostError, UsageError
from kappaflow.ops.contexts.cluster_context import ClusterContext, Role
from kappaflow.ops.hosts.local_host import LocalHost
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.ops.local_clusters.file_systems import mount, unmount_below
from kappaflow.ops.local_clusters.layout import FIRST_CONTROLLER, ClusterLayout, ClusterSpec, LocalNode, new_layout
from kappaflow.ops.local_clusters.ports import free_port
from kappaflow.ops.local_clusters.properties import HOST
from kappaflow.ops.local_clusters.readiness import is_listening, live_brokers, zookeeper_mode
from kappaflow.ops.local_clusters.software import (
    installed_version,
    java_command,
    kafka_jars,
    point_software,
    write_logging,
    zookeeper_jars,
)
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts

READY_TIMEOUT_S = 120.0
FORMAT_TIMEOUT_S = 120.0
POLL_S = 0.1
LOG_LINES = 15
STORAGE_TOOL = "kafka.tools.StorageTool"
MAIN_CLASSES = {True: "kafka.Kafka", False: "org.apache.zookeeper.server.quorum.QuorumPeerMain"}
"""By whether the server is Kafka's."""


class NodeStatus(NamedTuple):
    """A server now.

    Attributes:
        name: of the server.
        roles: what it does.
        version: of its software.
        port: its listener for clients.
        state: of its process; a paused one is ``active``.
        pid: of its process, 0 where there is none.
        serving: whether it answers as a member of its cluster.
        directory: its files.
    """

    name: str
    roles: tuple[Role, ...]
    version: str
    port: int
    state: str
    pid: int
    serving: bool
    directory: str


class LocalCluster:
    """Servers in a directory.

    Attributes:
        directory: of all servers.
        layout: what there is.
    """

    def __init__(self, directory: Path) -> None:
        """Look at the cluster that a directory holds.

        Raises:
            ConfigError: it holds none.
        """
        self.directory = directory.absolute()
        self.layout = ClusterLayout.read(self.directory)

    @classmethod
    def create(cls, name: str, directory: Path, spec: ClusterSpec) -> LocalCluster:
        """Lay out a cluster and format its storage; nothing is started.

        Raises:
            ConfigError: there can be no such cluster, Java, Maven or jars are missing, or the directory holds one.
        """
        directory = directory.absolute()
        layout = new_layout(name, directory, spec)
        if (directory / "cluster.json").exists():
            raise ConfigError(message("local_clusters.there", directory=directory))
        directory.mkdir(parents=True, exist_ok=True)
        write_logging(directory)
        layout.write(directory)
        cluster = cls(directory)
        for node in cluster.layout.nodes.values():
            cluster._write_node(node)
        cluster._format(list(cluster.layout.nodes.values()))
        return cluster

    @property
    def bootstrap_servers(self) -> str:
        """The brokers' addresses."""
        return self.layout.bootstrap_servers

    def node(self, name: str) -> LocalNode:
        """A server by its name, or a Kafka server by its id.

        Raises:
            UsageError: there is none.
        """
        found = self.layout.nodes.get(name)
        if found is None and name.isdigit():
            found = next((n for n in self.layout.nodes.values() if n.is_kafka and n.number == int(name)), None)
        if found is None:
            known = ", ".join(self.layout.nodes)
            raise UsageError(message("local_clusters.no_server", cluster=self.layout.name, name=name, known=known))
        return found

    def home(self, node: LocalNode) -> Path:
        """The directory of a server."""
        return self.directory / node.name

    def host(self, name: str) -> LocalHost:
        """The process of a server."""
        return LocalHost(self.layout.host_entry(self.directory, self.node(name)))

    def context(self) -> ClusterContext:
        """How the cluster is reached, with its servers as local hosts."""
        nodes = sorted(self.layout.nodes.values(), key=lambda node: (node.roles, node.number))
        return ClusterContext(
            self.layout.name,
            self.bootstrap_servers,
            zookeeper=self.layout.zookeeper_connect,
            hosts=tuple(self.layout.host_entry(self.directory, node) for node in nodes),
        )

    # Files

    def _write_node(self, node: LocalNode) -> None:
        home = self.home(node)
        home.mkdir(parents=True, exist_ok=True)
        for data in node.data:
            Path(data).mkdir(parents=True, exist_ok=True)
        point_software(home, kafka_jars(node.version) if node.is_kafka else zookeeper_jars(node.version))
        if not node.is_kafka:
            (Path(node.data[0]) / "myid").write_text(f"{node.number}\n", encoding="utf-8")
        config = home / node.config_name
        config.write_text(self.layout.config_text(self.directory, node), encoding="utf-8")
        heap = self.layout.heap if node.is_kafka else self.layout.zookeeper_heap
        java = java_command(self.directory, home, heap, self.layout.jvm_options)
        service = {"command": [*java, MAIN_CLASSES[node.is_kafka], str(config)], "environment": {}}
        (home / "service.json").write_text(json.dumps(service, indent=2) + "\n", encoding="utf-8")

    def _format(self, nodes: Sequence[LocalNode], *, joining: bool = False, cluster_id: str = "") -> None:
        """Write the storage identity of KRaft servers, all at once because each is a JVM start.

        Source: KIP-631 and KIP-853, the tool ``kafka-storage.sh format``.

        Args:
            nodes: the servers.
            joining: whether the cluster is there already, so that its leader knows who the voters are.
            cluster_id: that of a cluster with ZooKeeper, whose controllers-to-be these are.
        """
        jobs: list[tuple[LocalNode, subprocess.Popen[bytes]]] = []
        for node in nodes:
            if not node.is_kafka or not (cluster_id or self.layout.mode == "kraft"):
                continue
            home = self.home(node)
            java = java_command(self.directory, home, self.layout.heap, self.layout.jvm_options)
            words = [
                "format",
                "-t",
                cluster_id or self.layout.cluster_id,
                "-c",
                str(home / node.config_name),
                "--ignore-formatted",
            ]
            if self.layout.dynamic_quorum and "controller" in node.roles:
                known = ["--initial-controllers", self._initial_controllers()]
                words += ["--no-initial-controllers"] if joining else known
            with (home / "format.log").open("wb") as log:
                process = subprocess.Popen(
                    [*java, STORAGE_TOOL, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
            jobs.append((node, process))
        failed = [node for node, process in jobs if process.wait(FORMAT_TIMEOUT_S)]
        if failed:
            text = (self.home(failed[0]) / "format.log").read_text(errors="replace")[-1500:]
            raise ConfigError(
                message("local_clusters.not_formatted", version=failed[0].version, name=failed[0].name, reason=text)
            )

    def _initial_controllers(self) -> str:
        voters = self.layout.of_role("controller")
        return ",".join(f"{n.number}@{HOST}:{n.ports['controller']}:{n.directory_id}" for n in voters)

    # Processes

    def start_all(self, *, wait: bool = True) -> None:
        """Start whatever does not run: ZooKeeper first, then controllers, then brokers.

        Raises:
            ConfigError: a server ended while starting.
            BrokerUnreachable: the cluster is not ready in time.
        """
        for role in ("zookeeper", "controller", "broker"):
            for node in self.layout.of_role(role):
                self.host(node.name).start()
            if role == "zookeeper":
                self._wait_for(self._zookeepers_serve, READY_TIMEOUT_S)
        if wait:
            self.wait_ready()

    def stop_all(self) -> None:
        """Stop all servers in a controlled way: brokers first, then controllers, then ZooKeeper.

        Brokers are stopped together: the last one of a cluster has nobody to hand its partitions to, and would wait.
        """
        order: tuple[Role, ...] = ("broker", "controller", "zookeeper")
        for role in order:
            for node in self.layout.of_role(role):
                host = self.host(node.name)
                host.let_run()
                host.ask_to_stop()
            for node in self.layout.of_role(role):
                self._end(node)

    def _end(self, node: LocalNode) -> None:
        host = self.host(node.name)
        try:
            host.stop()
        except HostError:
            host.kill()
            host.stop()

    def kill_all(self) -> None:
        """End all servers at once, as a loss of power does."""
        for name in self.layout.nodes:
            self.host(name).kill()
            self.host(name).stop()

    def start(self, name: str, *, wait: bool = True) -> None:
        """Start one server, on its old ports and data.

        Args:
            name: of the server.
            wait: whether to return only when all running servers serve.
        """
        self.host(name).start()
        if wait:
            self.wait_ready()

    def stop(self, name: str) -> None:
        """Stop one server in a controlled way."""
        self.host(name).stop()

    def kill(self, name: str) -> None:
        """End one server at once, as a crash does."""
        self.host(name).kill()

    def pause(self, name: str) -> None:
        """Keep one server from running until `resume`, as a machine that hangs."""
        self.host(name).pause()

    def resume(self, name: str) -> None:
        """Let a paused server run again."""
        self.host(name).resume()

    # Growing and shrinking

    def add_broker(self, *, version: str = "", rack: str = "", start: bool = True) -> LocalNode:
        """Add a broker with the next free id; it holds nothing yet.

        Args:
            version: of its software; that of the first broker by default.
            rack: of the broker.
            start: whether it is started.
        """
        brokers = self.layout.of_role("broker")
        taken = {node.number for node in self.layout.nodes.values() if node.is_kafka}
        number = next(n for n in range(brokers[-1].number + 1, brokers[-1].number + len(taken) + 2) if n not in taken)
        node = self.layout.add_node(self.directory, ("broker",), number, version or brokers[0].version, rack=rack)
        self._write_node(node)
        self._format([node])
        self.layout.write(self.directory)
        if start:
            self.start(node.name)
        return node

    def add_zookeeper(self) -> LocalNode:
        """Lay out one more ZooKeeper server, which no other one knows yet; ``kappa zookeeper add`` lets it join."""
        servers = self.layout.of_role("zookeeper")
        number = max(node.number for node in servers) + 1
        node = self.layout.add_node(self.directory, ("zookeeper",), number, servers[0].version)
        self._write_node(node)
        self.layout.write(self.directory)
        return node

    def move_zookeeper(self, name: str) -> LocalNode:
        """Lay a dead ZooKeeper server out anew, with other ports and without data, as on another machine.

        Nobody knows where it is; ``kappa zookeeper replace`` brings it back.
        """
        node = self.node(name)
        node.port, node.ports = free_port(), {"peer": free_port(), "election": free_port()}
        shutil.rmtree(node.data[0])
        self._write_node(node)
        self.layout.write(self.directory)
        return node

    def add_controller(self) -> LocalNode:
        """Lay out one more KRaft controller, which does not run and does not vote; ``kappa quorum add`` sees to that.

        Raises:
            UsageError: the cluster has no controllers of their own, or its voters are fixed.
        """
        controllers = [node for node in self.layout.of_role("controller") if node.roles == ("controller",)]
        if not controllers or not self.layout.dynamic_quorum:
            raise UsageError(message("local_clusters.no_controllers", name=self.layout.name))
        taken = {node.number for node in self.layout.nodes.values()}
        number = next(
            n for n in range(controllers[-1].number + 1, controllers[-1].number + len(taken) + 2) if n not in taken
        )
        node = self.layout.add_node(self.directory, ("controller",), number, controllers[0].version)
        node.directory_id = ""  # formatting makes one up
        self._write_node(node)
        self._format([node], joining=True)
        self.layout.write(self.directory)
        return node

    def add_controllers_beside_zookeeper(self, count: int) -> list[LocalNode]:
        """Lay out controllers for a migration to KRaft; they do not run. ``kappa cluster migrate`` sees to that.

        Args:
            count: how many.

        Raises:
            UsageError: the cluster has no ZooKeeper.
            BrokerUnreachable: no broker answers, who is asked for the cluster's id.
        """
        if self.layout.mode != "zookeeper":
            raise UsageError(message("local_clusters.kraft_already", name=self.layout.name))
        with OpsSession(self.context()) as session:
            cluster_id = session.admin.describe().cluster_id
        version = self.layout.of_role("broker")[0].version
        numbers = range(FIRST_CONTROLLER, FIRST_CONTROLLER + count)
        nodes = [self.layout.add_node(self.directory, ("controller",), number, version) for number in numbers]
        for node in nodes:  # each file names all of them
            self._write_node(node)
        self._format(nodes, cluster_id=cluster_id)
        self.layout.write(self.directory)
        return nodes

    def remove_broker(self, name: str) -> None:
        """Stop a broker and delete its files.

        Raises:
            UsageError: it is a controller too, or the last broker.
        """
        node = self.node(name)
        if node.roles != ("broker",):
            raise UsageError(message("local_clusters.not_only_broker", name=node.name, roles=" and ".join(node.roles)))
        if len(self.layout.of_role("broker")) == 1:
            raise UsageError(message("local_clusters.last_broker", name=node.name))
        self._end(node)
        del self.layout.nodes[node.name]
        self.layout.write(self.directory)
        unmount_below(self.home(node))
        shutil.rmtree(self.home(node), ignore_errors=True)

    def add_disk(self, name: str, size_bytes: int = 0) -> Path:
        """Make one more directory for a broker's logs; the broker is not told yet.

        Args:
            name: of the broker.
            size_bytes: of a file system of its own in memory, which needs root; 0 for a plain directory.

        Returns:
            The directory, to be added to ``log.dirs``.

        Raises:
            ConfigError: the file system cannot be mounted.
        """
        node = self.node(name)
        path = self.home(node) / f"data-{len(node.data) + 1}"
        path.mkdir(parents=True, exist_ok=True)
        if size_bytes:
            mount(path, size_bytes)
        node.data.append(str(path))
        self.layout.write(self.directory)
        return path

    def rewrite_config(self, name: str) -> None:
        """Write a server's configuration file from the layout, as after `add_disk`."""
        self._write_node(self.node(name))

    # State

    def status(self) -> list[NodeStatus]:
        """All servers."""
        rows: list[NodeStatus] = []
        for node in self.layout.nodes.values():
            state = self.host(node.name).service_state()
            serving = state.state == "active" and self._serves(node)
            home = self.home(node)
            version = installed_version(home) or node.version
            rows.append(
                NodeStatus(node.name, node.roles, version, node.port, state.state, state.pid, serving, str(home))
            )
        return rows

    def _serves(self, node: LocalNode) -> bool:
        if not node.is_kafka:
            return zookeeper_mode(node.port) != ""
        return live_brokers(node.port) > 0 if "broker" in node.roles else is_listening(node.port)

    def _running(self, role: Role) -> list[LocalNode]:
        return [n for n in self.layout.of_role(role) if self.host(n.name).service_state().state == "active"]

    def _zookeepers_serve(self) -> bool:
        return all(zookeeper_mode(node.port) for node in self._running("zookeeper"))

    def _brokers_serve(self) -> bool:
        running = self._running("broker")
        return all(live_brokers(node.port) >= len(running) for node in running)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when every running server sees every running server.

        Raises:
            ConfigError: a server ended instead; the message has the end of its log.
            BrokerUnreachable: the time ran out.
        """
        self._wait_for(lambda: self._zookeepers_serve() and self._brokers_serve(), timeout_s)

    def _wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        hosts = [self.host(name) for name in self.layout.nodes]
        watched = [host for host in hosts if host.service_state().state == "active"]
        while True:
            for host in watched:
                if host.service_state().state == "failed":
                    raise ConfigError(
                        message("local_clusters.ended", service=host.entry.service, log=host.log_tail(LOG_LINES))
                    )
            if condition():
                return
            if time.monotonic() > deadline:
                raise BrokerUnreachable(
                    message(
                        "local_clusters.not_ready", name=self.layout.name, timeout_s=timeout_s, directory=self.directory
                    )
                )
            time.sleep(POLL_S)

    def delete(self) -> None:
        """End all servers and delete their files.

        Raises:
            ConfigError: a file system of theirs cannot be unmounted.
        """
        self.kill_all()
        unmount_below(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
