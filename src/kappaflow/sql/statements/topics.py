"""The topics of CREATE: one that is not there yet is made, one that is there has to be as the statement says."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.ast.relations import Window
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.properties import BROKER_DEFAULT, WithClause
from kappaflow.sql.statement_plan import CreateTopic, TopicAction, TopicInfo

DEFAULT_RETENTION_MS = 604_800_000


def source_topic(context: PlanningContext, clause: WithClause, source: DataSource) -> tuple[TopicAction, ...]:
    """Return what has to be done for the topic of a stream or table that CREATE declares.

    Raises:
        StatementError: the topic is missing and PARTITIONS is not given, or it is there and different.
    """
    _check_retention(clause, source)
    existing = context.topics.describe(source.topic)
    if existing is not None:
        _check_counts(source.topic, clause.topic_counts(existing.partitions, BROKER_DEFAULT), existing)
        return ()
    if clause.integer("PARTITIONS") is None:
        raise StatementError(
            f"Topic '{source.topic}' does not exist. If you want to create a new topic for the stream/table please "
            "re-run the statement providing the required 'PARTITIONS' configuration in the WITH clause "
            "(and optionally 'REPLICAS'). For example: CREATE STREAM X (..) WITH (KAFKA_TOPIC='...', "
            "PARTITIONS=2);"
        )
    partitions, replicas = clause.topic_counts(1, 1)
    return (CreateTopic(source.topic, partitions, replicas, _configs(clause, source)),)


def sink_topic(
    context: PlanningContext, clause: WithClause, left: DataSource, sink: DataSource, window: Window | None
) -> tuple[TopicAction, ...]:
    """Return what has to be done for the topic that CREATE .. AS SELECT writes to.

    Args:
        context: knows the topics.
        clause: of the statement.
        left: the first source of the query, whose partitions and replicas are the default.
        sink: what is created.
        window: of the query.

    Raises:
        StatementError: the topic is there with other partitions or fewer replicas than the statement says.
    """
    _check_retention(clause, sink)
    read = context.topics.describe(left.topic) or TopicInfo(1, 1)
    partitions, replicas = clause.topic_counts(read.partitions, read.replicas)
    existing = context.topics.describe(sink.topic)
    if existing is not None:
        _check_counts(sink.topic, clause.topic_counts(existing.partitions, BROKER_DEFAULT), existing)
        return ()
    configs = _configs(clause, sink)
    if window is not None and window.retention_ms is not None:
        configs.setdefault("retention.ms", str(max(window.retention_ms, DEFAULT_RETENTION_MS)))
    return (CreateTopic(sink.topic, partitions, replicas, configs),)


def _check_retention(clause: WithClause, source: DataSource) -> None:
    if source.is_table and source.window is None and clause.integer("RETENTION_MS") is not None:
        raise StatementError(
            "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention."
        )


def _check_counts(name: str, wanted: tuple[int, int], existing: TopicInfo) -> None:
    partitions, replicas = wanted
    if partitions != existing.partitions or replicas > existing.replicas:
        raise StatementError(
            f"A Kafka topic with the name '{name}' already exists, with different partition/replica configuration "
            f"than required. KSQL expects {partitions} partitions (topic has {existing.partitions}), and "
            f"{existing.replicas if replicas == BROKER_DEFAULT else replicas} replication factor (topic has "
            f"{existing.replicas})."
        )


def _configs(clause: WithClause, source: DataSource) -> dict[str, str]:
    configs: dict[str, str] = {}
    if source.is_table:
        configs["cleanup.policy"] = "compact" if source.window is None else "compact,delete"
    policy, retention = clause.text("CLEANUP_POLICY"), clause.text("RETENTION_MS")
    if policy is not None:
        configs["cleanup.policy"] = policy
    if retention is not None:
        configs["retention.ms"] = retention
    return configs
