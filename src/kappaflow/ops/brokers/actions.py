"""Registers the steps of plans that this package knows."""

from kappaflow.ops.brokers import (
    leadership_actions,
    membership_actions,
    node_actions,
    property_actions,
    software_actions,
)

__all__ = ["leadership_actions", "membership_actions", "node_actions", "property_actions", "software_actions"]
