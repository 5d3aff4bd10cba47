"""Transactions: what is open, since when, and what hangs: open in a partition, and known to no coordinator.

list_transactions, describe_transaction    what coordinators know
list_producers, find_open, find_hanging    what partitions know
plan_abort                                 end a hanging one in its partition
plan_terminate                             end an open one everywhere, and fence its producer
"""

from kappaflow.ops.transactions.aborting import plan_abort, plan_terminate
from kappaflow.ops.transactions.hanging import HangingTransaction, OpenTransaction, find_hanging, find_open
from kappaflow.ops.transactions.listing import (
    ProducerRow,
    TransactionRow,
    describe_transaction,
    list_producers,
    list_transactions,
)

__all__ = [
    "HangingTransaction",
    "OpenTransaction",
    "ProducerRow",
    "TransactionRow",
    "describe_transaction",
    "find_hanging",
    "find_open",
    "list_producers",
    "list_transactions",
    "plan_abort",
    "plan_terminate",
]
