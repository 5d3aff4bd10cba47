"""Who should own which partitions: the assignors that run in the coordinator (KIP-848).

An assignor is a function from an `AssignmentProblem` to a target for every member. It sees no epochs and no
heartbeats; what members have to give up for it is not its business.
"""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.broker.coordinators.consumer_groups.assignors.problem import Assignment, AssignmentProblem
from kappaflow.broker.coordinators.consumer_groups.assignors.range_assignor import assign_ranges
from kappaflow.broker.coordinators.consumer_groups.assignors.uniform_assignor import assign_uniformly

ASSIGNORS: dict[str, Callable[[AssignmentProblem], Assignment]] = {"uniform": assign_uniformly, "range": assign_ranges}
"""The assignors by the names that members ask for."""

__all__ = ["ASSIGNORS", "Assignment", "AssignmentProblem"]
