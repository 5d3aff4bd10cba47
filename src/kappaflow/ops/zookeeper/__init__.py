"""A ZooKeeper ensemble: how it is, and how it becomes another one without losing its quorum.

    four_letter.py ──▶ ServerState ──▶ EnsembleState: leader first, quorum arithmetic     status.py
                                             │
    plan_scale_out, plan_remove, plan_restart ◀┘   new servers first, the leader last      plans.py
          └──▶ actions.py: join, reconfigure, restart, leave; each waits for all followers

Servers are changed by their configuration files and restarts, one at a time, as every version of ZooKeeper allows.
"""

from kappaflow.ops.zookeeper.plans import plan_remove, plan_restart, plan_scale_out
from kappaflow.ops.zookeeper.status import EnsembleState, ServerState, ensemble_state

__all__ = [
    "EnsembleState",
    "ServerState",
    "ensemble_state",
    "plan_remove",
    "plan_restart",
    "plan_scale_out",
]
