"""Requests about groups as data, said to one broker or to two that have to answer alike.

    random_conversation(seed) -> [operation, ..] --Conversation(port).say()--> what was answered, in names of ours
                                      │
                                      └-- first_difference(ours, theirs): operation by operation on both brokers

Members, topics and groups have names of ours; ids that a broker makes are replaced by them in the answers, so that
the answers of two brokers can be compared.  It is not a client: operations say exactly what they say.
"""

from kappaflow.testing.group_requests.conversation import Conversation
from kappaflow.testing.group_requests.generate import random_conversation
from kappaflow.testing.group_requests.lockstep import first_difference
from kappaflow.testing.group_requests.operations import Operation

__all__ = ["Conversation", "Operation", "first_difference", "random_conversation"]
