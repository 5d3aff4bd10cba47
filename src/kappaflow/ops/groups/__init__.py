"""Consumer groups: who reads what, how far behind, and since when; their offsets, changed by plans.

list_groups, describe_groups            what is: members, lag in records and in seconds
plan_reset, plan_delete,
plan_delete_offsets, plan_remove_members  what would change
"""

from kappaflow.ops.groups.describing import GroupDetail, PartitionLag, describe_group, describe_groups, list_groups
from kappaflow.ops.groups.removal import plan_delete, plan_delete_offsets, plan_remove_members
from kappaflow.ops.groups.reset import ResetTarget, plan_reset, write_offsets

__all__ = [
    "GroupDetail",
    "PartitionLag",
    "ResetTarget",
    "describe_group",
    "describe_groups",
    "list_groups",
    "plan_delete",
    "plan_delete_offsets",
    "plan_remove_members",
    "plan_reset",
    "write_offsets",
]
