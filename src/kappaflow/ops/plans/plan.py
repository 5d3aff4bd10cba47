"""A plan and its file: JSON, or YAML where the name ends so."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.plans import texts as _texts
from kappaflow.ops.plans.action import load_texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message

assert _texts

FORMAT = 1
YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Step:
    """One change.

    Attributes:
        action: the kind of change, a name in the table of actions such as ``topic.create``.
        arguments: what the action needs; JSON values.
    """

    action: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Changes to one cluster, in order.

    Attributes:
        plan_id: unique.
        title: what it is for.
        cluster: the name of the cluster's context.
        cluster_id: the id that the cluster says it has; empty where none could be asked.
        created_at: ISO 8601, UTC.
        effects: what will be different, one line each.
        warnings: what may hurt.
        confirmation: the word that a person has to type because the plan is dangerous; empty where it is not.
        steps: the changes.
        facts: what was observed and the plan rests on; JSON values.
    """

    plan_id: str
    title: Text
    cluster: str
    cluster_id: str
    created_at: str
    effects: tuple[Text, ...]
    warnings: tuple[Text, ...]
    confirmation: str
    steps: tuple[Step, ...]
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_data(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "format": FORMAT,
            "plan_id": self.plan_id,
            "title": self.title.to_data(),
            "cluster": self.cluster,
            "cluster_id": self.cluster_id,
            "created_at": self.created_at,
            "effects": [effect.to_data() for effect in self.effects],
            "warnings": [warning.to_data() for warning in self.warnings],
            "confirmation": self.confirmation,
            "steps": [{"action": step.action, "arguments": dict(step.arguments)} for step in self.steps],
            "facts": dict(self.facts),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_data` gave.

        Raises:
            PlanError: it is none, or of a newer format.
        """
        try:
            if data["format"] != FORMAT:
                raise PlanError(message("plans.format", given=data["format"], known=FORMAT))
            load_texts([data["title"]["key"], *(row["key"] for row in [*data["effects"], *data["warnings"]])])
            return cls(
                data["plan_id"],
                Text.from_data(data["title"]),
                data["cluster"],
                data["cluster_id"],
                data["created_at"],
                tuple(Text.from_data(row) for row in data["effects"]),
                tuple(Text.from_data(row) for row in data["warnings"]),
                data["confirmation"],
                tuple(Step(row["action"], row["arguments"]) for row in data["steps"]),
                data["facts"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise PlanError(message("plans.incomplete", error=error)) from error

    def digest(self) -> str:
        """A hash of what the plan does: cluster and steps, not its texts."""
        essence = [self.plan_id, self.cluster_id, [[step.action, dict(step.arguments)] for step in self.steps]]
        return hashlib.sha256(json.dumps(essence, sort_keys=True).encode()).hexdigest()


def new_plan(
    session: OpsSession,
    title: Text,
    steps: Sequence[Step],
    *,
    effects: Sequence[Text] = (),
    warnings: Sequence[Text] = (),
    confirmation: str = "",
    facts: Mapping[str, Any] | None = None,
    cluster_id: str | None = None,
) -> Plan:
    """A plan for the cluster of a session.

    Args:
        session: the cluster.
        title: what it is for.
        steps: the changes, in order.
        effects: what will be different.
        warnings: what may hurt.
        confirmation: the word to type where it is dangerous.
        facts: what was observed.
        cluster_id: the cluster's id, where the brokers cannot be asked; they are by default.
    """
    known = session.admin.describe().cluster_id if cluster_id is None else cluster_id
    now = datetime.fromtimestamp(session.clock.time_ms() / 1000, UTC)
    return Plan(
        f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
        title,
        session.context.name,
        known,
        now.isoformat(timespec="seconds"),
        tuple(effects),
        tuple(warnings),
        confirmation,
        tuple(steps),
        facts or {},
    )


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan to a file; whole or not at all, durable when this returns.

    Raises:
        PlanError: the file cannot be written.
    """
    content = _to_text(plan.to_data(), path)
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise PlanError(message("plans.unwritable", path=path, error=error.strerror)) from error


def read_plan(path: Path) -> Plan:
    """Read a plan from a file.

    Raises:
        PlanError: it cannot be read, or is no plan.
    """
    try:
        data = _from_text(path.read_text(encoding="utf-8"), path)
    except (OSError, ValueError) as error:
        raise PlanError(message("plans.unreadable", path=path, error=error)) from error
    if not isinstance(data, dict):
        raise PlanError(message("plans.not_ours", path=path))
    return Plan.from_data(data)


def _to_text(data: dict[str, Any], path: Path) -> str:
    if path.suffix not in YAML:
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    import yaml  # takes a moment to load, which the plans of most need not wait for

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _from_text(content: str, path: Path) -> Any:
    if path.suffix not in YAML:
        return json.loads(content)
    import yaml

    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
