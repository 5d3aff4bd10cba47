"""Reassignment: other replicas for partitions, with as little copying as possible and a way back.

    observe_layout ──▶ Layout, Load                                       layout.py
          │
          ├── replication_moves   more or fewer replicas, leaders stay    replication_factor.py
          ├── drain_moves         nothing on these brokers                draining.py
          └── balance_moves       the same number on each                 balancing.py
                │
                └──▶ Moves ──▶ plan_moves: throttle, batches, lift, lead  planning.py, plans.py
                                    │
                                    └──▶ actions.py, throttle_actions.py

The planning is pure: placement in, placement out.
"""

from kappaflow.ops.reassignment.plans import (
    MoveOptions,
    plan_balance,
    plan_cancel,
    plan_clean_throttles,
    plan_drain,
    plan_from_file,
    plan_replication_factor,
    plan_scale_out,
)
from kappaflow.ops.reassignment.throttles import Throttle, find_throttles

__all__ = [
    "MoveOptions",
    "Throttle",
    "find_throttles",
    "plan_balance",
    "plan_cancel",
    "plan_clean_throttles",
    "plan_drain",
    "plan_from_file",
    "plan_replication_factor",
    "plan_scale_out",
]
