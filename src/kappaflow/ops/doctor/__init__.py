"""What a cluster is, and what is wrong with it.

observe ──▶ Observation ──▶ rules, one function each ──▶ findings, the worst first

rules: partitions, replication, settings, disks, movement, listeners, machines, versions
"""

from kappaflow.ops.doctor.examination import RULES, examine, judge
from kappaflow.ops.doctor.findings import Finding, Severity
from kappaflow.ops.doctor.info import ClusterInfo, cluster_info
from kappaflow.ops.doctor.observation import Machine, Observation, observe

__all__ = [
    "RULES",
    "ClusterInfo",
    "Finding",
    "Machine",
    "Observation",
    "Severity",
    "cluster_info",
    "examine",
    "judge",
    "observe",
]
