"""Users that log on by SCRAM, and quotas of users, client ids and addresses, as plans.

plan_quotas                     quotas of one entity; can be undone
plan_add_user, plan_remove_user a password is in no plan: the plan names the file that holds it
"""

from kappaflow.ops.users.planning import plan_add_user, plan_quotas, plan_remove_user

__all__ = ["plan_add_user", "plan_quotas", "plan_remove_user"]
