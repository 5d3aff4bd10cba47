"""Configurations with their source, default and meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import ConfigEntry, ConfigResource
from kappaflow.ops.configs import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
ResourceKind = Literal["topic", "broker", "broker_logger", "client_metrics", "group"]
_TAG = re.compile(r"<[^>]+>")


class ConfigRow(NamedTuple):
    """One configuration of one resource.

    Attributes:
        resource: whose.
        entry: the value with its source and default.
        needs_restart: whether a change takes a new properties file and a restart of the broker.
        meaning: the broker's own words, without markup; empty where they were not asked for or there are none.
    """

    resource: ConfigResource
    entry: ConfigEntry
    needs_restart: bool
    meaning: str


def resources_of(session: OpsSession, kind: ResourceKind, names: Sequence[str]) -> list[ConfigResource]:
    """The resources of these names; all of the kind where none is given and the kind can be listed.

    Raises:
        UsageError: a topic does not exist, or a broker's name is no number.
    """
    if kind == "topic":
        topics = session.admin.topics.describe(names or None)
        missing = sorted(set(names) - set(topics))
        if missing:
            raise UsageError(message("config.no_topic", topic=missing[0]))
        return [ConfigResource(kind, name) for name, topic in topics.items() if names or not topic.is_internal]
    if kind in ("broker", "broker_logger"):
        wrong = [name for name in names if name and not name.isdigit()]
        if wrong:
            raise UsageError(message("config.no_broker", broker=wrong[0]))
        alive = [str(broker.node_id) for broker in session.admin.describe().brokers]
        away = sorted(set(names) - {*alive, ""})
        if away:
            raise UsageError(message("config.broker_away", broker=away[0], brokers=", ".join(alive)))
        return [ConfigResource(kind, name) for name in names or alive]
    if not names:
        raise UsageError(message("config.name_it", kind=kind))
    return [ConfigResource(kind, name) for name in names]


def describe_configs(
    session: OpsSession,
    resources: Sequence[ConfigResource],
    keys: Sequence[str] | None = None,
    *,
    defaults: bool = False,
    meaning: bool = False,
) -> list[ConfigRow]:
    """Configurations, sorted by resource and name.

    Args:
        session: the cluster.
        resources: whose.
        keys: which; all by default.
        defaults: whether values that nobody set are shown too; always where ``keys`` are given.
        meaning: whether the brokers are asked what each means.

    Raises:
        UsageError: a resource has no configuration of a name.
    """
    described = session.admin.configs.describe(resources, keys, documentation=meaning)
    rows: list[ConfigRow] = []
    for resource in resources:
        entries = described[resource]
        unknown = sorted(set(keys or ()) - set(entries))
        if unknown and resource.name:
            raise UsageError(message("config.unknown", kind=resource.kind, key=unknown[0]))
        for name in sorted(entries):
            entry = entries[name]
            if defaults or keys or entry.source not in ("default", "unknown"):
                restart = entry.is_read_only and resource.kind == "broker"
                rows.append(ConfigRow(resource, entry, restart, _plain(entry.documentation)))
    return rows


def _plain(text: str) -> str:
    return " ".join(_TAG.sub("", text).split())
