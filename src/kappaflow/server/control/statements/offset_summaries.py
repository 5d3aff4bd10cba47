"""How far a query has read each of its topics, as DESCRIBE EXTENDED shows it."""

from __future__ import annotations

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.server.control.entities import Entity
from kappaflow.server.control.state import ControlState
from kappaflow.sql.queries import PersistentQuery


def offset_summary(state: ControlState, query: PersistentQuery) -> Entity:
    """Return the committed offsets of a query beside the bounds of its topics; without those that cannot be read."""
    group = query.application_id(state.config.service_id)
    try:
        summaries = [_topic_summary(state, group, topic) for topic in dict.fromkeys(query.source_topics)]
    except KappaError:
        summaries = []  # a topic was deleted, or the group's coordinator is moving
    return {"groupId": group, "topicSummaries": summaries}


def _topic_summary(state: ControlState, group: str, topic: str) -> Entity:
    admin = state.admin
    partitions = [TopicPartition(topic, number) for number in range(admin.partitions_for(topic))]
    starts = admin.list_offsets(dict.fromkeys(partitions, EARLIEST))
    ends = admin.list_offsets(dict.fromkeys(partitions, LATEST))
    committed = GroupOffsets(state.config.client("kappa-control"), group, admin.connection).fetch(partitions)
    return {
        "kafkaTopic": topic,
        "offsets": [
            {
                "partition": p.partition,
                "logStartOffset": starts[p].offset,
                "logEndOffset": ends[p].offset,
                "consumerOffset": committed[p].offset if p in committed else 0,
            }
            for p in partitions
        ],
    }
