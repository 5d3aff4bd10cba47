"""Transactions: what is open, since when, and what hangs: open in a partition, and known to no coordinator.

list_transactions, find_hanging        what is
plan_abort                             end a hanging one in its partition
"""

from kappaflow.ops.transactions.aborting import plan_abort
from kappaflow.ops.transactions.hanging import HangingTransaction, find_hanging
from kappaflow.ops.transactions.listing import TransactionRow, list_transactions

__all__ = ["HangingTransaction", "TransactionRow", "find_hanging", "list_transactions", "plan_abort"]
