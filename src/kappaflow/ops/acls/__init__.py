"""Access control lists: who may do what, and changes to that, as plans.

list_acls                       entries, filtered
plan_add, plan_remove           entries that come and go; both can be undone
producer_acls, consumer_acls    what a producer or a consumer needs, as kafka-acls has it
"""

from kappaflow.ops.acls.listing import AclFilter, list_acls
from kappaflow.ops.acls.planning import consumer_acls, plan_add, plan_remove, producer_acls

__all__ = ["AclFilter", "consumer_acls", "list_acls", "plan_add", "plan_remove", "producer_acls"]
