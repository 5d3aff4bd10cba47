"""The servers' jars and command lines.

A node's command names the link ``NODE/software``, which points at the directory with the jars of its version: an
upgrade points the link elsewhere and starts the same command, as on machines where ``/opt/kafka`` is a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.ops.local_clusters.maven import class_path, resolve_jars
from kappaflow.ops.local_clusters.programs import command_path
from kappaflow.runtime.messages import message

assert _texts

KAFKA_VERSION = "4.3.0"
OLDEST_KAFKA = (2, 8, 2)
FIRST_WITHOUT_ZOOKEEPER = (4, 0)
FIRST_READY_KRAFT = (3, 3)
FIRST_DYNAMIC_QUORUM = (4, 0)
"""KIP-853: controllers that are added and removed at run time. 3.9 has it too, but formats differently."""

SOFTWARE_LINK = "software"
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
LOG4J1 = """\
log4j.rootLogger = INFO, console
log4j.appender.console = org.apache.log4j.ConsoleAppender
log4j.appender.console.target = System.err
log4j.appender.console.layout = org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern = [%d] %p %m (%c)%n
"""
LOGBACK = """\
<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>[%date] %level %message \\(%logger\\)%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="console"/></root>
</configuration>
"""
LOGGING_FILES = {"log4j2.properties": LOG4J2, "log4j.properties": LOG4J1, "logback.xml": LOGBACK}
"""One for each logging library that some version brings along."""


def version_key(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared.

    Raises:
        ConfigError: it is no version.

    >>> version_key("3.9.2") < version_key("3.10.0")
    True
    """
    try:
        return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split("."))
    except ValueError as error:
        raise ConfigError(message("local_clusters.no_version", version=version)) from error


def broker_dependencies(version: str) -> list[str]:
    """Maven coordinates of the broker, its tools and its logging.

    Source: the artifacts that Kafka's own release archive holds in ``libs``.
    """
    return [
        f"org.apache.kafka:kafka_2.13:{version}",
        f"org.apache.kafka:kafka-tools:{version}",
        *(["org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"] if version_key(version) >= (4,) else []),
    ]


def zookeeper_dependencies(version: str) -> list[str]:
    """Maven coordinates of a ZooKeeper server.

    Its pom leaves out what only the server needs: metrics, and the compression of snapshots.
    """
    return [
        f"org.apache.zookeeper:zookeeper:{version}",
        "io.dropwizard.metrics:metrics-core:4.1.12.1",
        "org.xerial.snappy:snappy-java:1.1.10.5",
    ]


def default_zookeeper_version(kafka_version: str) -> str:
    """The ZooKeeper that a version of Kafka ships with.

    Source: Kafka's ``gradle/dependencies.gradle`` of 2.8 to 3.9.
    """
    key = version_key(kafka_version)
    if key < (3, 0):
        return "3.5.9"
    return "3.6.3" if key < (3, 5) else "3.6.4" if key < (3, 6) else "3.8.4"


def kafka_jars(version: str) -> Path:
    """The directory with a Kafka version's jars, from Maven Central at first use.

    Raises:
        ConfigError: the version is too old or unknown, or Maven is missing.
    """
    if version_key(version) < OLDEST_KAFKA:
        raise ConfigError(message("local_clusters.too_old", version=version))
    return resolve_jars(broker_dependencies(version))


def zookeeper_jars(version: str) -> Path:
    """The directory with a ZooKeeper version's jars, from Maven Central at first use.

    Raises:
        ConfigError: the version is unknown, or Maven is missing.
    """
    return resolve_jars(zookeeper_dependencies(version))


def write_logging(directory: Path) -> None:
    """Write the settings of all logging libraries: to standard error."""
    for name, content in LOGGING_FILES.items():
        (directory / name).write_text(content, encoding="utf-8")


def point_software(home: Path, jars: Path) -> None:
    """Point a node's link at a directory of jars; the link is there at every moment."""
    fresh = home / f"{SOFTWARE_LINK}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(jars)
    fresh.replace(home / SOFTWARE_LINK)


def installed_version(home: Path) -> str:
    """The version of the software that a node's link points at; empty where it is not known."""
    for pattern in ("kafka_2.1?-*.jar", "zookeeper-[0-9]*.jar"):
        for jar in (home / SOFTWARE_LINK).glob(pattern):
            return jar.stem.split("-", 1)[1]
    return ""


def java_command(cluster: Path, home: Path, heap: str, jvm_options: Sequence[str]) -> list[str]:
    """The words before the main class of a server or tool that runs with a node's jars."""
    return [
        command_path("java"),
        f"-Xmx{heap}",
        f"-Xms{heap}",
        *jvm_options,
        f"-Dlog4j2.configurationFile={cluster / 'log4j2.properties'}",
        f"-Dlog4j.configuration=file:{cluster / 'log4j.properties'}",
        f"-Dlogback.configurationFile={cluster / 'logback.xml'}",
        f"-Dkafka.logs.dir={home}",
        "-cp",
        class_path(home / SOFTWARE_LINK),
    ]
