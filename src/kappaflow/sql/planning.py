"""What planning one statement works with."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import RecordedTopics


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """Everything a planner may look at.

    Attributes:
        text: the statement as written.
        topics: facts about topics; what was asked is recorded in the plan.
        query_number: the number in a generated query id.
    """

    text: str
    metastore: MetaStore
    functions: FunctionRegistry
    topics: RecordedTopics
    settings: Settings
    service_id: str = "default_"
    query_number: int = 0
