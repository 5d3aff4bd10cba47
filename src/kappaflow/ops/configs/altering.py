"""Change configurations, as a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import ConfigEntry, ConfigResource
from kappaflow.ops.configs import texts as _texts
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
OWN_SOURCES = {
    "topic": ("topic",),
    "broker": ("broker", "cluster"),
    "broker_logger": ("logger",),
    "client_metrics": ("client_metrics",),
    "group": ("group",),
}
RISKY = {
    "unclean.leader.election.enable": "config.risk.unclean",
    "min.insync.replicas": "config.risk.min_isr",
    "retention.ms": "config.risk.retention",
    "retention.bytes": "config.risk.retention",
    "cleanup.policy": "config.risk.cleanup",
}


def own_value(resource: ConfigResource, entry: ConfigEntry | None) -> str | None:
    """The value that was set for this resource itself; None where a default holds."""
    if entry is None:
        return None
    sources = ("cluster",) if resource == ConfigResource("broker", "") else OWN_SOURCES[resource.kind][:1]
    return entry.value if entry.source in sources else None


def plan_alter(session: OpsSession, resources: Sequence[ConfigResource], changes: Mapping[str, str | None]) -> Plan:
    """A plan that sets configurations; None lets the default hold again.

    Args:
        session: the cluster.
        resources: whose.
        changes: the values.

    Raises:
        UsageError: a name is unknown, needs a restart, or nothing would change.
        BrokerError: the brokers refuse a value; they were asked before the plan was made.
    """
    described = session.admin.configs.describe(resources)
    steps: list[Step] = []
    effects: list[Text] = []
    warnings: dict[str, Text] = {}
    for resource in resources:
        entries = described[resource]
        for name, value in changes.items():
            entry = entries.get(name)
            _require_dynamic(resource, name, entry, known=bool(resource.name))
            before = own_value(resource, entry)
            if before == value and not (entry is not None and entry.is_sensitive):
                continue
            steps.append(Step("config.set", _arguments(resource, name, value, sensitive=_hidden(entry))))
            effects.append(_effect(resource, name, entry, value))
            if name in RISKY:
                warnings[name] = text(RISKY[name], name=name)
    if not steps:
        raise UsageError(message("config.nothing"))
    session.admin.configs.alter({resource: dict(changes) for resource in resources}, validate_only=True)
    names = ", ".join(resource.name or "*" for resource in resources)
    return new_plan(
        session,
        text("config.title", kind=resources[0].kind, names=names),
        steps,
        effects=effects,
        warnings=list(warnings.values()),
    )


def _hidden(entry: ConfigEntry | None) -> bool:
    return entry is not None and entry.is_sensitive


def _arguments(resource: ConfigResource, name: str, value: str | None, *, sensitive: bool) -> dict[str, object]:
    return {"kind": resource.kind, "name": resource.name, "key": name, "value": value, "sensitive": sensitive}


def _effect(resource: ConfigResource, name: str, entry: ConfigEntry | None, value: str | None) -> Text:
    hidden = _hidden(entry)
    before = None if entry is None else entry.value
    after = value if value is not None else None if entry is None else entry.default
    return text(
        "config.effect",
        resource=f"{resource.kind} {resource.name or '*'}",
        key=name,
        before="****" if hidden else "-" if before is None else before,
        after="****" if hidden else "-" if after is None else after,
    )


def _require_dynamic(resource: ConfigResource, name: str, entry: ConfigEntry | None, *, known: bool) -> None:
    if entry is None and known and resource.kind in ("topic", "broker"):
        raise UsageError(message("config.unknown", kind=resource.kind, key=name))
    if entry is not None and entry.is_read_only:
        raise UsageError(message("config.read_only", key=name, resource=f"{resource.kind} {resource.name}"))
