"""What planning one statement works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.schema_facts import RecordedSchemas
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import RecordedTopics


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """Everything a planner may look at.

    Attributes:
        text: the statement as written.
        topics: facts about topics; what was asked is recorded in the plan.
        query_number: the number in a generated query id.
        schemas: the schema registry; what was asked is recorded in the plan.
    """

    text: str
    metastore: MetaStore
    functions: FunctionRegistry
    topics: RecordedTopics
    settings: Settings
    service_id: str = "default_"
    query_number: int = 0
    schemas: RecordedSchemas = field(default_factory=RecordedSchemas)
