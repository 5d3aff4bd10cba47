"""Topics: list, describe, create, and whatever else changes them.

list_topics, describe_topics                what is
plan_create, plan_delete, ..                what would be done, as a plan
actions.py                                  the steps of such plans
"""

from kappaflow.ops.topics.creation import plan_create
from kappaflow.ops.topics.listing import TopicRow, list_topics

__all__ = ["TopicRow", "list_topics", "plan_create"]
