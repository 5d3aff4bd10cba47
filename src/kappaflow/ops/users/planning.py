"""Users and quotas that change, as plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from kappaflow.errors import UsageError
from kappaflow.ops.admin.user_faces import DEFAULT_NAME, QUOTA_KEYS, SCRAM_MECHANISMS, QuotaEntity
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.users import texts as _texts
from kappaflow.ops.users.passwords import ITERATIONS, ITERATIONS_MAX, ITERATIONS_MIN, read_password
from kappaflow.runtime.messages import Text, message, text

assert _texts


def plan_quotas(session: OpsSession, entity: QuotaEntity, changes: Mapping[str, float | None]) -> Plan:
    """A plan that sets quotas of one entity; None takes one away.

    Args:
        session: the cluster.
        entity: whose.
        changes: the quotas, by Kafka's name.

    Raises:
        UsageError: no entity is named, it has no such quota, or nothing would change.
        BrokerError: the brokers refuse a value; they were asked before the plan was made.
    """
    kinds = set(entity.parts())
    if not kinds or ("ip" in kinds and len(kinds) > 1):
        raise UsageError(message("quota.entity"))
    for key, value in changes.items():
        if key not in QUOTA_KEYS or not kinds <= set(QUOTA_KEYS[key]):
            raise UsageError(message("quota.unknown", key=key, entity=str(entity)))
        if value is not None and value <= 0:
            raise UsageError(message("quota.bad_value", key=key, value=f"{value:g}"))
    now = session.admin.quotas.list().get(entity, {})
    wanted = {key: value for key, value in changes.items() if now.get(key) != value}
    if not wanted:
        raise UsageError(message("quota.nothing"))
    session.admin.quotas.alter(entity, wanted, validate_only=True)
    effects = [
        text("quota.effect", entity=str(entity), quota=key, before=_shown(now.get(key)), after=_shown(value))
        for key, value in wanted.items()
    ]
    warnings: list[Text] = [text("quota.per_broker")]
    if DEFAULT_NAME in entity:
        warnings.append(text("quota.everybody"))
    return new_plan(
        session,
        text("quota.title", entity=str(entity)),
        [Step("quota.set", {"entity": entity._asdict(), "values": wanted})],
        effects=effects,
        warnings=warnings,
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.15g}"


def plan_add_user(
    session: OpsSession,
    user: str,
    mechanisms: Collection[str] = tuple(SCRAM_MECHANISMS),
    *,
    password_file: str = "",
    iterations: int = ITERATIONS,
) -> Plan:
    """A plan that gives a user a password, or another one.

    Args:
        session: the cluster.
        user: the name.
        mechanisms: SCRAM-SHA-256, SCRAM-SHA-512 or both.
        password_file: whose first line is the password; ``KAPPA_PASSWORD`` where it is left out. The plan keeps only
            the file's name, so the file has to be there until the plan is done.
        iterations: of the hash.

    Raises:
        UsageError: there is no password, or the iterations are not what brokers take.
    """
    if not user or not mechanisms or set(mechanisms) - set(SCRAM_MECHANISMS):
        raise UsageError(message("user.bad_name", mechanisms=", ".join(SCRAM_MECHANISMS)))
    if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
        raise UsageError(message("user.bad_iterations", least=ITERATIONS_MIN, most=ITERATIONS_MAX))
    read_password(password_file)
    path = str(Path(password_file).absolute()) if password_file else ""
    there = session.admin.users.list().get(user, {})
    steps = [
        Step(
            "user.put",
            {"user": user, "mechanism": m, "iterations": iterations, "password_file": path, "replaces": m in there},
        )
        for m in mechanisms
    ]
    effects = [
        text("user.effect.replaced" if m in there else "user.effect.new", user=user, mechanism=m) for m in mechanisms
    ]
    replaced = any(m in there for m in mechanisms)
    return new_plan(
        session,
        text("user.title.put", user=user),
        steps,
        effects=effects,
        warnings=[text("user.replaces")] if replaced else [],
        confirmation=user if replaced else "",
    )


def plan_remove_user(session: OpsSession, user: str, mechanisms: Collection[str] | None = None) -> Plan:
    """A plan that takes a user's passwords away; it cannot be undone, since no broker gives them out.

    Args:
        session: the cluster.
        user: the name.
        mechanisms: which; all that the user has by default.

    Raises:
        UsageError: there is no such user or credential.
    """
    there = session.admin.users.list().get(user, {})
    wanted = sorted(there) if mechanisms is None else list(mechanisms)
    if not wanted or set(wanted) - set(there):
        raise UsageError(message("user.missing", user=user, mechanisms=", ".join(sorted(there)) or "-"))
    steps = [Step("user.delete", {"user": user, "mechanism": m}) for m in wanted]
    effects = [text("user.effect.gone", user=user, mechanism=m) for m in wanted]
    return new_plan(
        session,
        text("user.title.delete", user=user),
        steps,
        effects=effects,
        warnings=[text("user.refused")],
        confirmation=user,
    )
