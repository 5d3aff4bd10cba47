"""Everything that one broker keeps, and the order in which it comes and goes.

data directory (lock) -> metadata journal -> topics, producer ids
                      -> offsets journal  -> committed offsets, consumer groups
                      -> log directory    -> partition logs
                      -> transactions journal -> transactions -> markers that are missing
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from kappaflow.broker.authorization.acl_store import AclStore
from kappaflow.broker.authorization.authorizer import Authorizer
from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.all_groups import AllGroups
from kappaflow.broker.coordinators.consumer_groups.coordinator import ConsumerGroupCoordinator
from kappaflow.broker.coordinators.group_coordinator import GroupCoordinator
from kappaflow.broker.coordinators.offset_store import OffsetStore
from kappaflow.broker.coordinators.orphaned_transactions import abort_orphans
from kappaflow.broker.coordinators.producer_ids import ProducerIds
from kappaflow.broker.coordinators.transaction_coordinator import TransactionCoordinator
from kappaflow.broker.coordinators.transaction_marker_writer import TransactionMarkerWriter
from kappaflow.broker.fetch_sessions import FetchSessionCache
from kappaflow.broker.log_cleaner import LogCleaner
from kappaflow.broker.quotas.client_quotas import ClientQuotas
from kappaflow.broker.quotas.quota_store import QuotaStore
from kappaflow.broker.security.credentials import UserCredentials
from kappaflow.broker.security.principals import principal_mapping
from kappaflow.broker.timers import LoopTimers
from kappaflow.broker.topics import Topic, TopicRegistry, topic_id_text
from kappaflow.errors import StorageError, StorageFullError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.disk import SYSTEM_DISK, Disk
from kappaflow.storage.data_directory import DataDirectory
from kappaflow.storage.flusher import Flusher, FlushMode, FlushPolicy
from kappaflow.storage.journal import Journal
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.log_directory import CLEAN_SHUTDOWN_FILE, LogDirectory, MakeFlusher

if TYPE_CHECKING:
    from kappaflow.broker.connection import KafkaConnection

logger = logging.getLogger(__name__)

METADATA_JOURNAL = "metadata.journal"
OFFSETS_JOURNAL = "offsets.journal"
TRANSACTIONS_JOURNAL = "transactions.journal"
COMPACT_ABOVE_RECORDS = int(os.environ.get("KAPPA_JOURNAL_COMPACT_RECORDS", "10000"))  # less in tests
PRIVATE_FILE = 0o600


class _Journalled(Protocol):
    def replay(self, entry: dict[str, Any]) -> None: ...
    def snapshot(self) -> list[dict[str, Any]]: ...


class Broker:
    """One broker on one locked data directory; make one with `Broker.open`, inside a running event loop.

    Attributes:
        config: its settings.
        clock: the time.
        node_id: its id.
        cluster_id: the cluster's id.
        leader_epoch: one more with each start; the epoch of every partition.
        listeners: where clients connect; ports are known once the server listens.
        users: who may log on.
        acls: access control entries.
        authorizer: decides about access; None where everything is allowed.
        quotas: how much clients may use.
        principal_of_certificate: makes the name of a principal from that of a certificate.
        topics: topics and partitions.
        groups: groups of the classic protocol.
        consumer_groups: groups of the consumer protocol.
        all_groups: both, for what does not depend on the protocol.
        offsets: committed offsets.
        producer_ids: ids for idempotent producers.
        transactions: transactional producers.
        markers: writes the ends of transactions into partitions.
        cleaner: compacts logs.
        fetch_sessions: incremental fetch sessions.
        connections: open client connections.
        failed: set, with a message for people, when the broker must stop.
    """

    def __init__(
        self,
        config: BrokerConfig,
        directory: DataDirectory,
        logs: LogDirectory,
        journals: tuple[Journal, Journal, Journal],
        clock: Clock,
        disk: Disk = SYSTEM_DISK,
    ) -> None:
        self.config = config
        self.clock = clock
        self.node_id = directory.node_id
        self.cluster_id = directory.cluster_id
        self.leader_epoch = -1
        self.listeners = list(config.listeners)
        self.principal_of_certificate = principal_mapping(config.security.get("ssl.principal.mapping.rules"))
        self.connections: set[KafkaConnection] = set()
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._directory = directory
        self._logs = logs
        self._metadata_journal, self._offsets_journal, self._transactions_journal = journals
        self._compact_above: dict[Journal, int] = {}
        self.fetch_sessions = FetchSessionCache(clock)
        self.cleaner = LogCleaner(logs, clock, disk)
        self.topics = TopicRegistry(logs, self._write_metadata)
        self.producer_ids = ProducerIds(self._write_metadata)
        self.users = UserCredentials(self._write_metadata)
        self.acls = AclStore(self._write_metadata)
        self.authorizer = _authorizer(config, self.acls)
        quotas = QuotaStore(self._write_metadata)
        self.quotas = ClientQuotas(quotas, clock, config.quota_window_num, config.quota_window_size_ms)
        self.offsets = OffsetStore(self._write_offsets)
        timers = LoopTimers(asyncio.get_running_loop())
        self.groups = GroupCoordinator(config, timers)
        self.consumer_groups = ConsumerGroupCoordinator(
            config, timers, clock, self.topics, self._write_offsets, self.groups, lambda: topic_id_text(uuid4())
        )
        self.all_groups = AllGroups(self.groups, self.consumer_groups)
        self.markers = TransactionMarkerWriter(self)
        self.transactions = TransactionCoordinator(
            self._write_transactions,
            self.producer_ids.next,
            self.markers,
            timers,
            clock,
            max_timeout_ms=config.transaction_max_timeout_ms,
            expiration_ms=config.transactional_id_expiration_ms,
        )

    @staticmethod
    def open(
        config: BrokerConfig,
        *,
        clock: Clock = SYSTEM_CLOCK,
        disk: Disk = SYSTEM_DISK,
        make_flusher: MakeFlusher = Flusher,
        on_recovered: Callable[[int, int, int], None] = lambda *_: None,
    ) -> Broker:
        """Lock the data directory, read what it holds and recover what needs it.

        Args:
            on_recovered: told as logs of an unclean end are checked: how many are done, how many there are, bytes read.

        Raises:
            DataDirectoryError: the directory is in use or not ours.
            StorageError: a journal or a log cannot be read.
        """
        loop = asyncio.get_running_loop()
        directory = DataDirectory.open(config.data_dir, node_id=config.node_id, clock=clock, disk=disk)
        try:
            if directory.taken_over_from is not None:
                logger.info("taking over from process %d, which has ended", directory.taken_over_from.pid)
            durable = config.flush == "group"
            clean = (config.data_dir / CLEAN_SHUTDOWN_FILE).exists()
            metadata_journal, metadata = Journal.open(config.data_dir / METADATA_JOURNAL, disk=disk, clean=clean)
            (offsets_journal, offsets), (transactions_journal, transactions) = (
                Journal.open(config.data_dir / name, disk=disk, durable=durable, clean=clean)
                for name in (OFFSETS_JOURNAL, TRANSACTIONS_JOURNAL)
            )
            broker: Broker | None = None

            def flush_failed(text: str) -> None:
                if broker is not None:
                    loop.call_soon_threadsafe(broker.stop_because, text)

            configs = _topic_configs(metadata)
            logs = LogDirectory.open(
                config.data_dir,
                config_of=lambda topic: configs.get(topic, LogConfig()),
                flush=FlushPolicy(FlushMode(config.flush)),
                on_flush_failure=flush_failed,
                clock=clock,
                disk=disk,
                make_flusher=make_flusher,
                on_recovered=on_recovered,
                producer_id_expiration_ms=config.producer_id_expiration_ms,
            )
            broker = Broker(
                config, directory, logs, (metadata_journal, offsets_journal, transactions_journal), clock, disk
            )
            broker._replay(metadata, offsets, transactions)
            # It holds what passwords are checked against.
            with suppress(OSError):
                metadata_journal.path.chmod(PRIVATE_FILE)
        except BaseException:
            directory.close()
            raise
        return broker

    def _replay(
        self, metadata: list[dict[str, Any]], offsets: list[dict[str, Any]], transactions: list[dict[str, Any]]
    ) -> None:
        for entry in metadata:
            self.topics.replay(entry)
            self.producer_ids.replay(entry)
            self.users.replay(entry)
            self.acls.replay(entry)
            self.quotas.store.replay(entry)
            if entry["type"] == "broker_started":
                self.leader_epoch = entry["leader_epoch"]
        for entry in offsets:
            self.offsets.replay(entry)
            self.consumer_groups.replay(entry)
        for entry in transactions:
            self.transactions.replay(entry)
        self.topics.delete_strays()
        for group_id in self.offsets.groups():
            self.all_groups.restore_empty(group_id)
        self.consumer_groups.resume()
        self.leader_epoch += 1
        security = (self.users, self.acls, self.quotas.store)
        self._compact_if_large(self._metadata_journal, self.topics, self.producer_ids, *security)
        try:
            self._write_metadata({"type": "broker_started", "leader_epoch": self.leader_epoch})
            # The last run may have ended between the end of a topic and that of the offsets in it.
            for name in self.offsets.topics() - set(self.topics.names()):
                self.offsets.delete_topic(name)
        except StorageFullError as error:
            # Starting is the way to read what is there and to delete what is not needed.
            logger.warning("starting on a full disk: %s", error)
        if self.config.flush != "group":
            abort_orphans(self, self._logs)
        self.transactions.resume()

    def _write_metadata(self, entry: dict[str, Any]) -> None:
        self._append(self._metadata_journal, entry)

    def _write_offsets(self, entry: dict[str, Any]) -> None:
        # Before the entry: what it says is not part of the snapshot yet.
        self._compact_if_large(self._offsets_journal, self.offsets, self.consumer_groups)
        self._append(self._offsets_journal, entry)

    def _write_transactions(self, entry: dict[str, Any]) -> None:
        # Before the entry: what it says is not part of the snapshot yet.
        self._compact_if_large(self._transactions_journal, self.transactions)
        self._append(self._transactions_journal, entry)

    def _append(self, journal: Journal, entry: dict[str, Any]) -> None:
        try:
            journal.append(entry)
        except StorageError as error:
            self._stop_on_failed_sync(error)
            raise

    def _compact_if_large(self, journal: Journal, *parts: _Journalled) -> None:
        if journal.record_count <= self._compact_above.get(journal, COMPACT_ABOVE_RECORDS):
            return
        entries = [entry for part in parts for entry in part.snapshot()]
        # Rewriting pays only where most records have been replaced by later ones.
        if len(entries) * 2 < journal.record_count:
            try:
                journal.compact(entries)
            except StorageFullError as error:
                logger.warning("%s", error)  # what there is to append may fit
        # Looked at again when about as much has come: all that there is must not be gathered for every entry.
        self._compact_above[journal] = max(COMPACT_ABOVE_RECORDS, journal.record_count + len(entries))

    def _stop_on_failed_sync(self, error: StorageError) -> None:
        if not isinstance(error, StorageFullError):
            self.stop_because(str(error))

    def stop_because(self, text: str) -> None:
        """Have the server stop: what is on the disk is no longer certain."""
        if not self.failed.done():
            self.failed.set_result(text)

    @property
    def advertised_host(self) -> str:
        """The host that clients of the first listener are told."""
        return self.listeners[0].advertised_host

    @property
    def port(self) -> int:
        """The port that clients of the first listener are told; 0 until the server listens."""
        return self.listeners[0].advertised_port

    @property
    def metadata_end_offset(self) -> int:
        """Changes of metadata in the journal, as an offset."""
        return self._metadata_journal.record_count

    def delete_topic(self, topic: Topic) -> None:
        """Delete a topic with its records and the offsets committed for it."""
        try:
            self.topics.delete(topic)
        finally:
            if self.topics.by_name(topic.name) is None:
                self.offsets.delete_topic(topic.name)

    def maintain(self) -> None:
        """One pass of retention, recovery points and offsets of groups that are long gone."""
        steps = (self._logs.apply_retention, self._logs.checkpoint, self._expire_offsets, self.transactions.expire)
        for step in steps:  # a log that cannot be read or written keeps nothing else from being looked after
            try:
                step()
            except StorageError as error:
                logger.warning("maintenance: %s", error)

    async def compact(self) -> None:
        """One pass of compaction over all logs that are due."""
        try:
            await self.cleaner.clean_due()
        except StorageError as error:
            self.stop_because(str(error))

    def _expire_offsets(self) -> None:
        now_ms = self.clock.time_ms()
        oldest_ms = now_ms - self.config.offsets_retention_ms
        for group_id in self.offsets.groups():
            protected = self.all_groups.protected_topics(group_id)
            has_members = protected is None or bool(protected)
            empty_since = self.offsets.note_members(group_id, has_members=has_members, now_ms=now_ms)
            if protected is None or empty_since >= oldest_ms:
                continue
            kept = self.offsets.pending(group_id)
            old = [
                key
                for key, value in self.offsets.of_group(group_id).items()
                if value.commit_time_ms < oldest_ms and key[0] not in protected and key not in kept
            ]
            self.offsets.delete(group_id, old)
        self._forget_empty_groups()

    def _forget_empty_groups(self) -> None:
        """Groups without members and offsets hold nothing worth keeping."""
        for group_id in self.all_groups.empty():
            if not self.offsets.of_group(group_id) and not self.offsets.pending(group_id):
                self.all_groups.delete(group_id)

    def close(self) -> None:
        """Close everything and leave the mark of a clean end.

        Raises:
            StorageError: not everything could be written; the next start recovers.
        """
        self.cleaner.stop()
        self.transactions.close()
        try:
            self._logs.close(clean=not self.failed.done())
        finally:
            self._metadata_journal.close()
            self._offsets_journal.close()
            self._transactions_journal.close()
            self._directory.close()


def _authorizer(config: BrokerConfig, acls: AclStore) -> Authorizer | None:
    settings = config.security
    if not settings.has_authorizer:
        return None
    allow_if_no_acl = settings.is_true("allow.everyone.if.no.acl.found")
    return Authorizer(acls, settings.super_users, allow_if_no_acl=allow_if_no_acl)


def _topic_configs(metadata: list[dict[str, Any]]) -> dict[str, LogConfig]:
    """The log settings of each topic, before the registry exists."""
    names: dict[str, str] = {}
    configs: dict[str, LogConfig] = {}
    for entry in metadata:
        if entry["type"] == "topic_created":
            names[entry["topic_id"]] = entry["name"]
        if entry["type"] in ("topic_created", "topic_configured") and entry["topic_id"] in names:
            configs[names[entry["topic_id"]]] = LogConfig.from_topic_config(entry["configs"])
    return configs
