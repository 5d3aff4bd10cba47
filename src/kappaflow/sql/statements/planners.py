"""Which planner plans which statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.sql.ast import statements as s
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.statement_plan import Plan
from kappaflow.sql.statements.alter import plan_alter
from kappaflow.sql.statements.control import plan_alter_system, plan_pause, plan_resume, plan_terminate
from kappaflow.sql.statements.create_as import plan_create_as
from kappaflow.sql.statements.create_source import plan_create_source
from kappaflow.sql.statements.drop import plan_drop
from kappaflow.sql.statements.insert_into import plan_insert_into
from kappaflow.sql.statements.types import plan_create_type, plan_drop_type

PLANNERS: dict[type[s.Statement], Callable[[PlanningContext, Any], Plan]] = {
    s.CreateSource: plan_create_source,
    s.CreateAsSelect: plan_create_as,
    s.InsertInto: plan_insert_into,
    s.DropSource: plan_drop,
    s.AlterSource: plan_alter,
    s.CreateType: plan_create_type,
    s.DropType: plan_drop_type,
    s.Terminate: plan_terminate,
    s.Pause: plan_pause,
    s.Resume: plan_resume,
    s.AlterSystem: plan_alter_system,
}
