"""Transactions: what is open, since when, and what hangs: open in a partition, and known to no coordinator.

list_transactions, find_open, find_hanging        what is
plan_abort                             end a hanging one in its partition
"""

from kappaflow.ops.transactions.aborting import plan_abort
from kappaflow.ops.transactions.hanging import HangingTransaction, OpenTransaction, find_hanging, find_open
from kappaflow.ops.transactions.listing import TransactionRow, list_transactions

__all__ = [
    "HangingTransaction",
    "OpenTransaction",
    "TransactionRow",
    "find_hanging",
    "find_open",
    "list_transactions",
    "plan_abort",
]
