"""Configurations: what is set where, what it means, whether a change needs a restart; and changes, as plans.

describe_configs            values with source, default, meaning
plan_alter                  what would change, and what a change does not reach
"""

from kappaflow.ops.configs.altering import plan_alter
from kappaflow.ops.configs.describing import ConfigRow, describe_configs, resources_of

__all__ = ["ConfigRow", "describe_configs", "plan_alter", "resources_of"]
