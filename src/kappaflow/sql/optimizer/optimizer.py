"""Run the rules, and check after each that the plan still gives the same columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import Node, format_plan
from kappaflow.sql.optimizer.drop_identity_projection import drop_identity_projection
from kappaflow.sql.optimizer.fold_constants import fold_constants
from kappaflow.sql.optimizer.prune_projection import prune_projection
from kappaflow.sql.optimizer.push_down_predicate import push_down_predicate

Rule = Callable[[Node, FunctionRegistry], Node]

RULES: tuple[Rule, ...] = (fold_constants, push_down_predicate, prune_projection, drop_identity_projection)


@dataclass(frozen=True, slots=True)
class Optimized:
    """A plan after all rules.

    Attributes:
        before: the plan as it came, as text.
        applied: the names of the rules that changed it.
    """

    root: Node
    before: str
    applied: tuple[str, ...]


def optimize(root: Node, functions: FunctionRegistry, rules: tuple[Rule, ...] = RULES) -> Optimized:
    """Rewrite a plan.

    Raises:
        StatementError: a rule changed the columns of the result, which is a defect of the rule.
    """
    before = format_plan(root)
    applied: list[str] = []
    for rule in rules:
        changed = rule(root, functions)
        if changed.schema != root.schema:
            raise StatementError(
                f"The optimizer rule {rule.__name__} changed the result from [{root.schema}] to [{changed.schema}]. "
                "Please report this statement."
            )
        if changed != root:
            applied.append(rule.__name__)
        root = changed
    return Optimized(root, before, tuple(applied))
