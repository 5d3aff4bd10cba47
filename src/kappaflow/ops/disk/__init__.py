"""Disks: where the bytes are, what a shorter retention would free, and a way out when a disk is full.

disk_usage                                   by broker, directory, topic, partition
RetentionWhatIf ──▶ propose_cuts             whole segments, told from the machines where they can be reached
      └──▶ plan_free                         cut, wait until it is free, put the old retention back
plan_balance_directories, plan_add_directory the directories of one broker
plan_rescue                                  a broker that a full disk has stopped
"""

from kappaflow.ops.disk.directories import plan_add_directory, plan_balance_directories
from kappaflow.ops.disk.freeing import plan_free
from kappaflow.ops.disk.rescue import plan_rescue
from kappaflow.ops.disk.retention import RetentionCut, RetentionWhatIf, propose_cuts
from kappaflow.ops.disk.usage import GroupBy, UsageRow, disk_usage

__all__ = [
    "GroupBy",
    "RetentionCut",
    "RetentionWhatIf",
    "UsageRow",
    "disk_usage",
    "plan_add_directory",
    "plan_balance_directories",
    "plan_free",
    "plan_rescue",
    "propose_cuts",
]
