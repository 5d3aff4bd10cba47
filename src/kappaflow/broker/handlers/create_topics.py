"""CreateTopics: make topics with their partitions and configuration.

Source: KIP-4, KIP-525 (configs in the response), KIP-516 (topic ids).
"""

from __future__ import annotations

from collections import Counter

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.broker.config_entries import topic_config_entries
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.quotas.mutations import MutationQuota
from kappaflow.broker.topic_configs import check_topic_config, check_topic_configs
from kappaflow.errors import BrokerError, ConfigError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

MAX_PARTITIONS_PER_REQUEST = 10_000
STRICT_QUOTA_SINCE = 6


def handle(context: RequestContext, request: Message) -> Response:
    """Create each topic independently of the others."""
    repeated = {name for name, count in Counter(topic.name for topic in request.topics).items() if count > 1}
    results: list[Message] = []
    quota = MutationQuota(context, STRICT_QUOTA_SINCE)
    for wanted in request.topics:
        try:
            if wanted.name in repeated:
                raise BrokerError(
                    ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", f"Topic {wanted.name} appears twice in the request."
                )
            results.append(_create(context, wanted, quota, validate_only=request.validate_only))
        except BrokerError as error:
            results.append(_failed(wanted.name, error.code, str(error)))
        except ConfigError as error:
            results.append(_failed(wanted.name, ErrorCode.INVALID_CONFIG, str(error)))
        except StorageError as error:
            results.append(_failed(wanted.name, ErrorCode.KAFKA_STORAGE_ERROR, str(error)))
    return Message(throttle_time_ms=quota.throttle_time_ms, topics=results)


def _failed(name: str, error_code: int, text: str) -> Message:
    return Message(
        name=name,
        topic_id=ZERO_UUID,
        error_code=error_code,
        error_message=text,
        num_partitions=-1,
        replication_factor=-1,
        configs=[],
    )


def _create(context: RequestContext, wanted: Message, quota: MutationQuota, *, validate_only: bool) -> Message:
    broker = context.broker
    if context.refusal(ResourceType.CLUSTER):
        context.require(ResourceType.TOPIC, wanted.name)
    partitions = _partition_count(context, wanted)
    configs = {config.name: check_topic_config(config.name, config.value) for config in wanted.configs}
    check_topic_configs(configs)
    broker.topics.check_new(wanted.name)
    topic_id = ZERO_UUID
    quota.take(partitions)
    if not validate_only:
        topic_id = broker.topics.create(wanted.name, partitions, configs).topic_id
    hidden = context.refusal(ResourceType.TOPIC, wanted.name, AclOperation.DESCRIBE_CONFIGS)
    return Message(
        name=wanted.name,
        topic_id=topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        topic_config_error_code=hidden,
        num_partitions=-1 if hidden else partitions,
        replication_factor=-1 if hidden else 1,
        configs=None
        if hidden
        else [
            Message(
                name=entry.name,
                value=configs.get(entry.name, entry.value),
                read_only=False,
                config_source=entry.config_source,
                is_sensitive=False,
            )
            for entry in topic_config_entries(configs, None)
        ],
    )


def _partition_count(context: RequestContext, wanted: Message) -> int:
    """The number of partitions asked for, having checked it against the single broker."""
    node_id = context.broker.node_id
    if wanted.assignments:
        if wanted.num_partitions != -1 or wanted.replication_factor != -1:
            raise BrokerError(
                ErrorCode.INVALID_REQUEST,
                "INVALID_REQUEST",
                "Both partition count or replication factor and an assignment were given; give one of them.",
            )
        indexes = sorted(assignment.partition_index for assignment in wanted.assignments)
        replicas = {tuple(assignment.broker_ids) for assignment in wanted.assignments}
        if indexes != list(range(len(indexes))) or replicas != {(node_id,)}:
            raise BrokerError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                "INVALID_REPLICA_ASSIGNMENT",
                f"Partitions must be numbered from 0 and each be assigned to broker {node_id}, the only one.",
            )
        return len(indexes)
    if wanted.replication_factor not in (-1, 1):
        raise BrokerError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "INVALID_REPLICATION_FACTOR",
            f"Replication factor {wanted.replication_factor} is larger than the number of brokers, which is 1.",
        )
    if wanted.num_partitions == -1:
        return context.broker.config.num_partitions
    if wanted.num_partitions < 1:
        raise BrokerError(
            ErrorCode.INVALID_PARTITIONS,
            "INVALID_PARTITIONS",
            f"The number of partitions must be at least 1, not {wanted.num_partitions}.",
        )
    check_partition_count(wanted.num_partitions)
    return wanted.num_partitions


def check_partition_count(count: int) -> None:
    """Refuse more partitions in one request than can be meant.

    Raises:
        BrokerError: POLICY_VIOLATION.
    """
    if count > MAX_PARTITIONS_PER_REQUEST:
        raise BrokerError(
            ErrorCode.POLICY_VIOLATION,
            "POLICY_VIOLATION",
            f"Excessively large number of partitions per request: {count}; {MAX_PARTITIONS_PER_REQUEST} at most.",
        )
