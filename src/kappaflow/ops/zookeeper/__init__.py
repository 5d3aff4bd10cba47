"""A ZooKeeper ensemble: how it is, and how it becomes another one without losing its quorum.

    looks.py: services and files of all machines, at once; a dead one keeps nobody waiting
    four_letter.py ──▶ ServerState ──▶ EnsembleState: leader first, quorum arithmetic     status.py
                                             │
    plan_scale_out, plan_remove, plan_restart ◀┤   new servers first, the leader last      plans.py
    plan_replace                             ◀─┘   a dead server comes back under its number
          ├──▶ actions.py: join, reconfigure, restart, leave; each waits for all followers
          └──▶ replacing.py: replace, tell the others its address           both by moving.py

Servers are changed by their configuration files and restarts, one at a time, as every version of ZooKeeper allows.
"""

from kappaflow.ops.zookeeper.plans import plan_remove, plan_replace, plan_restart, plan_scale_out
from kappaflow.ops.zookeeper.status import EnsembleState, ServerState, ensemble_state

__all__ = [
    "EnsembleState",
    "ServerState",
    "ensemble_state",
    "plan_remove",
    "plan_replace",
    "plan_restart",
    "plan_scale_out",
]
