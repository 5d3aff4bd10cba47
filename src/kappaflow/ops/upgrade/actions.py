"""Registers the steps of plans that this package knows."""

from kappaflow.ops.upgrade import feature_actions

__all__ = ["feature_actions"]
