"""The topics of the broker: names, ids, configuration, partitions; every change is journalled before it is answered.

create/delete/alter -> metadata journal (durable) -> this registry -> partition logs (opened when first used)
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

from kappaflow.broker.topic_configs import TOPIC_CONFIGS
from kappaflow.errors import BrokerError, StorageError
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.log_directory import LogDirectory
from kappaflow.wire.error_codes import ErrorCode

MAX_NAME_LENGTH = 249
INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state"})
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]+")

JournalEntry = dict[str, Any]


class Partition:
    """One partition of a topic.

    Attributes:
        topic: the topic's name.
        index: its number.
        waiters: called after each append; fetches that wait for records.
        is_deleted: whether the topic is gone.
    """

    __slots__ = ("_could_not_open", "_log", "_open", "index", "is_deleted", "topic", "waiters")

    def __init__(self, topic: str, index: int, open_log: Callable[[int], PartitionLog]) -> None:
        self.topic = topic
        self.index = index
        self.waiters: dict[Callable[[], None], None] = {}
        self.is_deleted = False
        self._open = open_log
        self._log: PartitionLog | None = None
        self._could_not_open = False

    @property
    def log(self) -> PartitionLog:
        """Its log, opened when first used."""
        if self._log is None:
            try:
                log = self._open(self.index)
            except StorageError:
                self._could_not_open = True
                raise
            # Batches that were refused for want of a log come again; those behind them must not come first.
            log.producers.begin_at_zero = self._could_not_open
            self._log = log
        return self._log

    def wake_waiters(self) -> None:
        """Tell waiting fetches that there is something new."""
        for wake in tuple(self.waiters):
            wake()


class Topic:
    """One topic."""

    __slots__ = ("configs", "name", "partitions", "topic_id")

    def __init__(self, name: str, topic_id: UUID, configs: dict[str, str]) -> None:
        self.name = name
        self.topic_id = topic_id
        self.configs = configs
        self.partitions: list[Partition] = []

    @property
    def partition_count(self) -> int:
        """How many partitions it has."""
        return len(self.partitions)

    @property
    def is_internal(self) -> bool:
        """Whether it belongs to the broker itself."""
        return self.name in INTERNAL_TOPICS


def _error(code: ErrorCode, text: str) -> BrokerError:
    return BrokerError(code, code.name, text)


def topic_id_text(topic_id: UUID) -> str:
    """A topic id as Kafka shows it."""
    return base64.urlsafe_b64encode(topic_id.bytes).decode().rstrip("=")


class TopicRegistry:
    """All topics, by name and by id.

    Args:
        logs: where partition logs come from.
        write: makes one journal entry durable.

    Attributes:
        version: one more with each topic that comes, goes or grows.
        newest_topic_version: the version that brought the last new topic.
    """

    def __init__(self, logs: LogDirectory, write: Callable[[JournalEntry], None]) -> None:
        self._logs = logs
        self._write = write
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[UUID, Topic] = {}
        self.version = 0
        self.newest_topic_version = 0

    def names(self) -> Iterator[str]:
        """The names of all topics."""
        return iter(self._by_name)

    def all(self) -> Iterator[Topic]:
        """Every topic, by name."""
        return iter(sorted(self._by_name.values(), key=lambda topic: topic.name))

    def by_name(self, name: str) -> Topic | None:
        """The topic of that name."""
        return self._by_name.get(name)

    def by_id(self, topic_id: UUID) -> Topic | None:
        """The topic of that id."""
        return self._by_id.get(topic_id)

    def check_name(self, name: str) -> None:
        """Refuse names that Kafka does not allow.

        Raises:
            BrokerError: INVALID_TOPIC_EXCEPTION.
        """
        if not name or name in (".", "..") or len(name) > MAX_NAME_LENGTH or not _LEGAL_NAME.fullmatch(name):
            raise _error(
                ErrorCode.INVALID_TOPIC_EXCEPTION,
                f"Topic name {name!r} is illegal: use 1 to {MAX_NAME_LENGTH} ASCII letters, digits, '.', '_' and '-', "
                "and neither '.' nor '..'.",
            )

    def check_new(self, name: str) -> None:
        """Refuse a name that cannot be created.

        Raises:
            BrokerError: INVALID_TOPIC_EXCEPTION or TOPIC_ALREADY_EXISTS.
        """
        self.check_name(name)
        if name in self._by_name:
            raise _error(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
        # Metric names replace '.' by '_', so such a pair could not be told apart there.
        folded = name.replace(".", "_")
        for other in self._by_name:
            if other.replace(".", "_") == folded:
                raise _error(
                    ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic '{name}' collides with existing topic '{other}'."
                )

    def create(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        """Create a topic.

        Raises:
            BrokerError: the name is illegal or taken.
        """
        self.check_new(name)
        entry = {
            "type": "topic_created",
            "name": name,
            "topic_id": uuid4().hex,
            "partitions": partitions,
            "configs": dict(configs),
        }
        self._write(entry)
        return self._add(entry)

    def delete(self, topic: Topic) -> None:
        """Delete a topic with all its records.

        Raises:
            StorageError: it cannot be journalled; or it is gone, but files of it are left until the next start.
        """
        self._write({"type": "topic_deleted", "topic_id": topic.topic_id.hex})
        self._remove(topic)
        failure: StorageError | None = None
        for partition in topic.partitions:
            partition.is_deleted = True
            try:
                self._logs.delete(topic.name, partition.index)
            except StorageError as error:
                failure = error
            partition.wake_waiters()
        if failure is not None:
            raise failure

    def add_partitions(self, topic: Topic, count: int) -> None:
        """Grow a topic to `count` partitions."""
        self._write({"type": "partitions_added", "topic_id": topic.topic_id.hex, "partitions": count})
        self._grow(topic, count)

    def set_configs(self, topic: Topic, configs: Mapping[str, str]) -> None:
        """Replace a topic's own configuration."""
        self._write({"type": "topic_configured", "topic_id": topic.topic_id.hex, "configs": dict(configs)})
        self._configure(topic, configs)

    def replay(self, entry: JournalEntry) -> None:
        """Apply one journal entry of an earlier run; entries of others are ignored."""
        if entry["type"] == "topic_created":
            self._add(entry)
            return
        topic = self._by_id.get(UUID(entry["topic_id"])) if "topic_id" in entry else None
        if topic is None:
            return
        match entry["type"]:
            case "topic_deleted":
                self._remove(topic)
            case "partitions_added":
                self._grow(topic, entry["partitions"])
            case "topic_configured":
                self._configure(topic, entry["configs"])
            case _:
                pass

    def delete_strays(self) -> None:
        """Remove logs of topics that were deleted just before the process ended."""
        for log in self._logs:
            topic = self._by_name.get(log.topic)
            if topic is None or log.partition >= len(topic.partitions):
                self._logs.delete(log.topic, log.partition)

    def snapshot(self) -> list[JournalEntry]:
        """The entries that rebuild the registry as it is."""
        return [
            {
                "type": "topic_created",
                "name": topic.name,
                "topic_id": topic.topic_id.hex,
                "partitions": len(topic.partitions),
                "configs": topic.configs,
            }
            for topic in self._by_name.values()
        ]

    def _add(self, entry: JournalEntry) -> Topic:
        known = {name: value for name, value in entry["configs"].items() if name in TOPIC_CONFIGS}
        topic = Topic(entry["name"], UUID(entry["topic_id"]), known)
        self._grow(topic, entry["partitions"])
        self._by_name[topic.name] = topic
        self._by_id[topic.topic_id] = topic
        self.newest_topic_version = self.version
        return topic

    def _remove(self, topic: Topic) -> None:
        del self._by_name[topic.name]
        del self._by_id[topic.topic_id]
        self.version += 1

    def _grow(self, topic: Topic, count: int) -> None:
        def open_log(index: int) -> PartitionLog:
            config = LogConfig.from_topic_config(topic.configs)
            return self._logs.create(topic.name, index, config, topic_id=topic_id_text(topic.topic_id))

        for index in range(len(topic.partitions), count):
            topic.partitions.append(Partition(topic.name, index, open_log))
        self.version += 1

    def _configure(self, topic: Topic, configs: Mapping[str, str]) -> None:
        topic.configs = dict(configs)
        config = LogConfig.from_topic_config(topic.configs)
        for log in self._logs.partitions_of(topic.name):
            log.update_config(config)
