"""The configuration of a server process tree.

Precedence: flags, then ``KAPPA_*`` variables, then a TOML file, then defaults (kappaflow.cli applies it).
The supervisor hands it to its children as one JSON line on their standard input, never on a command line.
"""

from __future__ import annotations

import os
import ssl
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from kappaflow.client.connection import ClientConfig
from kappaflow.client.security import client_security, without_security
from kappaflow.errors import ConfigError, UnsafeError
from kappaflow.sql.property_values import check_value_of

ADVERTISED_LISTENER = "ksql.advertised.listener"
EXTENSION_DIRECTORY = "ksql.extension.dir"
FUNCTIONS_ENABLED = "ksql.udfs.enabled"
URL_WAIT_SECONDS = 20.0
PEER_USER = "ksql.internal.basic.auth.user.info"
WORKERS_NAME = "kappa-workers"
WILDCARDS = {"0.0.0.0", "::"}
LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}


@dataclass(slots=True)
class ServerConfig:
    """What the supervisor and its children need to know.

    Attributes:
        data_dir: holds the broker's log and the workers' state.
        host: that both the embedded broker and the SQL server listen on.
        http_host: that the SQL server listens on instead; off loopback it needs `users_file`.
        users_file: who may send requests, see `kappaflow.server.users`; empty lets everybody.
        tls_certificate, tls_key: PEM files; with them the SQL server speaks TLS.
        internal_token: by which the process tree's own workers are known, made by the supervisor.
        kafka_port, http_port: 0 takes any free port.
        bootstrap_servers: of a Kafka cluster to use instead of the embedded broker; empty starts the embedded one.
        workers: number of engine workers.
        service_id: servers with the same one share queries.
        replication_factor: of the topics that the server creates; None means the cluster's choice for the embedded
            broker (1) and 3, or the number of brokers if smaller, elsewhere.
        flush: when the embedded broker makes appends durable on disk: none, interval or group.
        functions: a directory of Python functions, imported by the workers; empty for none.
        properties: engine properties (ksqlDB's and Kafka Streams' names), and TLS and SASL of a Kafka cluster.
        run_dir: sockets of this process tree, made by the supervisor.
        embedded_broker: whether the broker is one of the tree's own, said by the supervisor.
    """

    data_dir: str = ".kappa"
    host: str = "127.0.0.1"
    http_host: str = ""
    users_file: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    internal_token: str = field(default="", repr=False)
    kafka_port: int = 9092
    http_port: int = 8088
    bootstrap_servers: str = ""
    workers: int = field(default_factory=lambda: max(1, (os.cpu_count() or 2) - 1))
    service_id: str = "default_"
    replication_factor: int | None = None
    flush: str = "interval"
    functions: str = ""
    properties: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    run_dir: str = ""
    language: str = ""
    embedded_broker: bool = False

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: says which value and what would be right.
            UnsafeError: others could reach the server without logging on.
        """
        if self.host not in LOOPBACK_HOSTS:
            raise UnsafeError(
                f"Refusing to listen on {self.host}: it is not a loopback address, and --host is for the embedded "
                "broker, too, which has no authentication here. Use --http-host for the SQL server alone."
            )
        self._check_access()
        if self.workers < 1:
            raise ConfigError(f"--workers must be at least 1, not {self.workers}.")
        for name, port in (("--kafka-port", self.kafka_port), ("--http-port", self.http_port)):
            if not 0 <= port <= 65535:
                raise ConfigError(f"{name} must be between 0 and 65535, not {port}.")

        for name, value in self.properties.items():
            check_value_of(name, value)
        if self.bootstrap_servers:
            client_security(self.properties)
        elif without_security(self.properties) != self.properties:
            raise ConfigError(
                "Properties of TLS and SASL are for a Kafka cluster: use kappa server --bootstrap-servers. "
                "The embedded broker listens on this machine only."
            )

    def _check_access(self) -> None:
        if self.listen_host not in LOOPBACK_HOSTS and not self.users_file:
            raise UnsafeError(
                f"Refusing to listen on {self.listen_host}: it is not a loopback address and the server has no "
                "authentication. Make a user with: kappa server user add NAME --users FILE, and start with "
                "--users FILE."
            )
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigError("TLS needs both --tls-certificate and --tls-key.")
        for path in (self.users_file, self.tls_certificate, self.tls_key):
            if path and not os.access(path, os.R_OK):
                raise ConfigError(f"Cannot read {path}: there is no such file, or it may not be read.")

    @property
    def listen_host(self) -> str:
        """The address that the SQL server listens on."""
        return self.http_host or self.host

    def own_url(self, port: int) -> str:
        """Return the URL at which processes of this machine reach the SQL server."""
        host = self.listen_host
        if host in WILDCARDS:
            host = "::1" if ":" in host else "127.0.0.1"
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def scheme(self) -> str:
        """Of the SQL server's URL."""
        return "https" if self.tls_certificate else "http"

    @property
    def workers_auth(self) -> tuple[str, str] | None:
        """By what the process tree's own workers log on."""
        return (WORKERS_NAME, self.internal_token) if self.users_file else None

    @property
    def peer_auth(self) -> tuple[str, str] | None:
        """The user and password of this server at the other servers of the service."""
        name, separator, password = self.properties.get(PEER_USER, "").partition(":")
        return (name, password) if separator else None

    def trusted(self) -> ssl.SSLContext | bool:
        """Return what checks the certificates of servers: the system's authorities, and the own certificate."""
        if not self.tls_certificate:
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(self.tls_certificate)
        return context

    def client(self, client_id: str) -> ClientConfig:
        """Return how a process of the tree reaches the brokers.

        Raises:
            ConfigError: properties of TLS or SASL cannot be used.
        """
        return ClientConfig(self.bootstrap_servers, client_id, security=client_security(self.properties))

    @property
    def engine_properties(self) -> dict[str, str]:
        """Properties for queries and for eyes: without what is about reaching the brokers."""
        return without_security(self.properties)

    @property
    def functions_directory(self) -> str:
        """The directory of Python functions: ``functions``, else the property ``ksql.extension.dir``."""
        return self.functions or self.properties.get(EXTENSION_DIRECTORY, "")

    @property
    def functions_enabled(self) -> bool:
        """Whether Python functions are loaded: unless ``ksql.udfs.enabled`` is false."""
        return self.properties.get(FUNCTIONS_ENABLED, "true").lower() != "false"

    def to_line(self) -> bytes:
        """Return the configuration as one JSON line."""
        return msgspec.json.encode(asdict(self)) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ServerConfig:
        """Read the line that `to_line` made."""
        document: dict[str, Any] = msgspec.json.decode(line)
        return cls(**document)

    @property
    def command_topic(self) -> str:
        """The topic that holds every statement that changed something."""
        return "ksql__commands" if self.service_id == "default_" else f"ksql__commands-{self.service_id}"

    @property
    def registry_file(self) -> Path:
        """Where the control process says the URL of the embedded schema registry."""
        return Path(self.run_dir) / "schema-registry.url"

    @property
    def grammar_tables(self) -> Path:
        """Where the processes keep the tables of the SQL parser."""
        return Path(self.data_dir) / "cache" / "sql-grammar"

    @property
    def url_file(self) -> Path:
        """Where the control process says the URL of this server."""
        return Path(self.run_dir) / "server.url"

    def advertised_url(self, wait_seconds: float = URL_WAIT_SECONDS) -> str:
        """Return the URL that other servers of the service use: `ADVERTISED_LISTENER`, else that of the listener.

        Args:
            wait_seconds: for the control process to start; empty is returned after that.
        """
        if url := self.properties.get(ADVERTISED_LISTENER, ""):
            return url.rstrip("/")
        deadline = time.monotonic() + wait_seconds
        while not self.url_file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            return self.url_file.read_text(encoding="utf-8")
        except OSError:
            return ""

    def server_id(self) -> str:
        """What tells this server's workers from those of others, kept with its state."""
        path = Path(self.data_dir) / "server.id"
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = path.with_name(f"server.id.{os.getpid()}")
            made.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
            try:
                os.link(made, path)  # the first of the processes decides
            except FileExistsError:
                pass
            finally:
                made.unlink()
            return path.read_text(encoding="utf-8").strip()

    def worker_socket(self, index: int) -> str:
        """Return the path of the socket of worker `index`."""
        return f"{self.run_dir}/worker-{index}.sock"

    @property
    def status_file(self) -> str:
        """Where the supervisor keeps the states of the children."""
        return f"{self.run_dir}/processes.json"
