"""Topics: list and describe them, create, grow and delete them, elect their leaders.

list_topics, describe_topics, get_offsets, find_obstacles       what is
plan_create, plan_grow, plan_delete, plan_delete_records,
plan_preferred, plan_unclean                                    what would be done, as a plan
actions.py, leader_actions.py                                   the steps of such plans
"""

from kappaflow.ops.topics.creation import plan_create
from kappaflow.ops.topics.deletion import Obstacle, find_obstacles, plan_delete
from kappaflow.ops.topics.describing import Health, TopicDetail, describe_topics
from kappaflow.ops.topics.elections import plan_preferred, plan_unclean
from kappaflow.ops.topics.growth import plan_grow
from kappaflow.ops.topics.listing import TopicRow, list_topics
from kappaflow.ops.topics.offsets import POSITIONS, PartitionOffset, get_offsets
from kappaflow.ops.topics.records import plan_delete_records

__all__ = [
    "POSITIONS",
    "Health",
    "Obstacle",
    "PartitionOffset",
    "TopicDetail",
    "TopicRow",
    "describe_topics",
    "find_obstacles",
    "get_offsets",
    "list_topics",
    "plan_create",
    "plan_delete",
    "plan_delete_records",
    "plan_grow",
    "plan_preferred",
    "plan_unclean",
]
