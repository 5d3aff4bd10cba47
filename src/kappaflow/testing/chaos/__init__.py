"""Exactly once under faults: a workload of queries and transactions, faults in its processes, and what must hold after.

    ledger (numbers, transfers) ──▶ server under faults ──▶ topics and tables ──▶ checks against the ledger

`Ledger` writes and remembers what was acknowledged, `faults` stops and kills processes, `check_everything` computes
from the ledger what topics and tables have to hold.

Not here: simulated worlds (kappaflow.testing.simulation).
"""

from kappaflow.testing.chaos.checks import check_everything
from kappaflow.testing.chaos.faults import CrashPlan
from kappaflow.testing.chaos.ledger import Ledger
from kappaflow.testing.chaos.statements import PROPERTIES, create_topics, start_queries

__all__ = ["PROPERTIES", "CrashPlan", "Ledger", "check_everything", "create_topics", "start_queries"]
