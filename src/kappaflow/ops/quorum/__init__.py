"""The metadata quorum of a cluster with KRaft: how it is, and how it gets other voters without losing its majority.

    DescribeQuorum ──▶ QuorumStatus: leader first, lag, quorum arithmetic                 status.py
                            │
    plan_add, plan_remove ◀─┘   one voter at a time; those that are down first, the leader last    plans.py
          └──▶ actions.py: start, add, remove, stop
                 └── controllers.py: what the host of a controller says: listeners, process

Voters change one at a time, as KIP-853 has it: a new one first reads along as an observer until it has caught up.
"""

from kappaflow.ops.quorum.plans import plan_add, plan_remove
from kappaflow.ops.quorum.status import MemberStatus, QuorumStatus, quorum_status

__all__ = ["MemberStatus", "QuorumStatus", "plan_add", "plan_remove", "quorum_status"]
