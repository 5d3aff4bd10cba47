"""How a topology runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kappaflow.client.connection import ClientConfig
from kappaflow.streams.execution.error_handling import ErrorPolicy
from kappaflow.streams.execution.listeners import RestoreListener

Guarantee = Literal["at_least_once", "exactly_once_v2"]


@dataclass(frozen=True, slots=True)
class StreamsConfig:
    """How a topology runs.  Names and defaults are those of Kafka Streams where it has them.

    Attributes:
        instance_id: names this worker in the group, so that it gets its tasks back after a restart; its transactions
            are named after it too, so no two live workers may share it.
        application_server: URL of the server that this worker belongs to, told to the other members.
        caching: hold what aggregations and tables give back, and forward the last change per key at each commit.
        transaction_timeout_ms: what a worker that fell silent left open is aborted after so long.
        delta_bytes_max: changes of state in memory beyond this force an early commit.
        errors: what to do with records that cannot be read, processed or written.
        max_task_idle_ms: how long a task waits for records of a partition that has none, before it takes those of
            others; 0 waits only for what the broker has, -1 not even for that.
        metadata_max_age_ms: how often topics are looked up that match a pattern.
        changelog_extra_retention_ms: how much longer than their stores changelogs keep windows.
        topic_configs: of all internal topics, below what a store says of its own.
        app_configs: what processors of the program see.
        every_change: changelogs get each change of a store, as from Kafka Streams, instead of the last ones of a
            commit; operators run in row form then.
        purge_interval_ms: how often processed records of repartition topics are deleted.
        emit_interval_ms: how often emit-final operators look for closed windows; 0 looks at every record.
        outer_interval_ms: how often outer joins of streams look for unmatched records; 0 looks at every record.
        restore_listener: told what is restored.
    """

    client: ClientConfig
    commit_interval_ms: int = 2000
    auto_offset_reset: Literal["earliest", "latest"] = "latest"
    instance_id: str | None = None
    application_server: str = ""
    caching: bool = True
    cache_max_bytes: int | None = None
    replication_factor: int = 1
    min_in_sync: int | None = None
    session_timeout_ms: int = 10_000
    guarantee: Guarantee = "at_least_once"
    transaction_timeout_ms: int = 10_000
    delta_bytes_max: int = 256 << 20
    max_task_idle_ms: int = 0
    metadata_max_age_ms: int = 300_000
    changelog_extra_retention_ms: int = 86_400_000
    topic_configs: Mapping[str, str] = field(default_factory=dict[str, str])
    app_configs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    every_change: bool = False
    purge_interval_ms: int = 30_000
    emit_interval_ms: int = 1000
    outer_interval_ms: int = 1000
    errors: ErrorPolicy = field(default_factory=ErrorPolicy)
    restore_listener: RestoreListener | None = None

    @property
    def exactly_once(self) -> bool:
        """Whether commits are transactions."""
        return self.guarantee == "exactly_once_v2"

    @property
    def commit_seconds(self) -> float:
        """The time between two commits; a transaction is never left open until it times out."""
        interval_ms = self.commit_interval_ms
        return (min(interval_ms, self.transaction_timeout_ms // 2) if self.exactly_once else interval_ms) / 1000
