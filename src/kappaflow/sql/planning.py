"""What planning one statement works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.sql.functions.user.declarations import RecordedFunctions
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.schema_facts import RecordedSchemas
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import RecordedTopics


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """Everything a planner may look at.

    Attributes:
        text: the statement as written.
        functions: in reach; those of users that were asked for are recorded in the plan.
        topics: facts about topics; what was asked is recorded in the plan.
        query_number: the number in a generated query id.
        schemas: the schema registry; what was asked is recorded in the plan.
        is_replay: whether the statement was accepted before: then its topology is not built to see whether it can be.
    """

    text: str
    metastore: MetaStore
    functions: RecordedFunctions
    topics: RecordedTopics
    settings: Settings
    service_id: str = "default_"
    query_number: int = 0
    schemas: RecordedSchemas = field(default_factory=RecordedSchemas)
    is_replay: bool = False
