"""Alert rules and who is told, from a TOML file.

[[rule]]
name = "groups behind"
metric = "kappa_group_lag_seconds"
above = 600              # or below =
clear = 300              # well again at this or less; the threshold itself by default
for = "5m"               # as long as it has to hold before anybody is told
where = { group = "billing-*" }
severity = "critical"
notify = ["team"]

[receiver.team]
kind = "slack"           # or webhook, mail
url_file = "/etc/kappa/slack-url"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from kappaflow.errors import ConfigError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.durations import duration_ms
from kappaflow.ops.monitor.metrics import METRICS
from kappaflow.ops.monitor.samples import Series
from kappaflow.runtime.messages import message

assert _texts

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
KINDS = ("webhook", "slack", "mail")
_RULE_KEYS = {
    "name", "metric", "above", "below", "clear", "for", "keep_for", "where", "severity", "notify", "repeat", "summary",
}  # fmt: skip
_RECEIVER_KEYS = {
    "kind", "url", "url_file", "token_file", "every", "server", "from", "to", "user", "password_file", "starttls",
}  # fmt: skip


@dataclass(frozen=True)
class AlertRule:
    """When somebody has to know.

    Attributes:
        name: what people call it.
        metric: the figure.
        above: the figure is bad when it is more than this; None where ``below`` counts.
        below: the figure is bad when it is less than this.
        clear: where it is well again: at most this where ``above`` counts, at least this where ``below`` does.
        for_ms: as long as it has to be bad without a break.
        keep_ms: as long as it has to be well without a break before that is told.
        where: patterns of labels, such as ``{"group": "billing-*"}``.
        severity: how bad.
        notify: names of receivers.
        repeat_ms: after how long it is told again while it lasts; 0 for never.
        summary: what to do, in the words of who wrote the rule.
    """

    name: str
    metric: str
    above: float | None = None
    below: float | None = None
    clear: float = 0.0
    for_ms: int = 0
    keep_ms: int = 0
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    severity: Severity = "warning"
    notify: tuple[str, ...] = ()
    repeat_ms: int = 4 * 3_600_000
    summary: str = ""

    def concerns(self, series: Series) -> bool:
        """Whether a series is meant."""
        if series.metric != self.metric:
            return False
        return all(fnmatchcase(series.label(name), pattern) for name, pattern in self.where.items())

    def is_bad(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)

    def is_well(self, value: float) -> bool:
        """Whether a value is so far from the threshold that the alert may end."""
        return value <= self.clear if self.above is not None else value >= self.clear


@dataclass(frozen=True)
class ReceiverSettings:
    """Somebody who is told.

    Attributes:
        name: as rules name it.
        kind: ``webhook``, ``slack`` or ``mail``.
        url: where to post; a secret with Slack.
        token: sent to a webhook as ``Authorization: Bearer``.
        every_ms: the least time between two messages.
        server: of mail, as ``host:port``.
        sender: of mail.
        to: addresses of mail.
        user: of the mail server.
        password: of the mail server.
        starttls: whether the mail server is asked for TLS first.
    """

    name: str
    kind: Literal["webhook", "slack", "mail"]
    url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    every_ms: int = 60_000
    server: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True


@dataclass(frozen=True)
class AlertSettings:
    """Rules and receivers."""

    rules: tuple[AlertRule, ...] = ()
    receivers: tuple[ReceiverSettings, ...] = ()


DEFAULT_RULES = (
    AlertRule("cluster does not answer", "kappa_cluster_up", below=1, clear=1, for_ms=60_000, severity="critical"),
    AlertRule(
        "no controller", "kappa_cluster_active_controllers", below=1, clear=1, for_ms=60_000, severity="critical"
    ),
    AlertRule("broker away", "kappa_broker_up", below=1, clear=1, for_ms=120_000, severity="critical"),
    AlertRule("partitions without a leader", "kappa_cluster_offline_partitions", above=0, severity="critical"),
    AlertRule(
        "partitions below min.insync.replicas",
        "kappa_cluster_under_min_isr_partitions",
        above=0,
        for_ms=60_000,
        severity="critical",
    ),
    AlertRule("under-replicated partitions", "kappa_cluster_under_replicated_partitions", above=0, for_ms=600_000),
    AlertRule("log directory offline", "kappa_broker_log_dir_up", below=1, clear=1, severity="critical"),
    AlertRule("disk fills up", "kappa_broker_disk_free_ratio", below=0.15, clear=0.2, for_ms=300_000),
    AlertRule("disk nearly full", "kappa_broker_disk_free_ratio", below=0.05, clear=0.08, severity="critical"),
)
"""What is watched where no file says otherwise; it is shown and logged, and nobody is sent anything."""


def read_alert_settings(path: Path) -> AlertSettings:
    """The rules and receivers of a file.

    Raises:
        ConfigError: it cannot be read, or says something that is not understood.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(message("alert_rules.unreadable", path=path, error=error)) from error
    unknown = sorted(set(data) - {"rule", "receiver"})
    if unknown:
        raise ConfigError(message("alert_rules.unknown_table", path=path, unknown=unknown[0]))
    receivers = tuple(_receiver(path, name, row) for name, row in data.get("receiver", {}).items())
    names = {receiver.name for receiver in receivers}
    rules = tuple(_rule(path, row, names) for row in data.get("rule", ()))
    twice = sorted({r.name for r in rules if sum(o.name == r.name for o in rules) > 1})
    if twice:
        raise ConfigError(message("alert_rules.twice", path=path, name=twice[0]))
    return AlertSettings(rules, receivers)


def _rule(path: Path, row: Mapping[str, Any], receivers: set[str]) -> AlertRule:
    name = str(row.get("name", ""))
    where = f"{path}: rule {name or '(without a name)'}"
    unknown = sorted(set(row) - _RULE_KEYS)
    if unknown:
        raise ConfigError(message("alert_rules.unknown_key", where=where, unknown=unknown[0]))
    if not name:
        raise ConfigError(message("alert_rules.no_name", where=where))
    if row.get("metric") not in METRICS:
        raise ConfigError(message("alert_rules.no_metric", where=where, metric=row.get("metric")))
    if ("above" in row) == ("below" in row):
        raise ConfigError(message("alert_rules.above_or_below", where=where))
    strangers = sorted(set(row.get("notify", ())) - receivers)
    if strangers:
        raise ConfigError(message("alert_rules.no_receiver", where=where, name=strangers[0]))
    severity = row.get("severity", "warning")
    if severity not in SEVERITIES:
        raise ConfigError(
            message("alert_rules.bad_severity", where=where, known=", ".join(SEVERITIES), severity=severity)
        )
    above, below = (None if row.get(key) is None else float(row[key]) for key in ("above", "below"))
    threshold = above if above is not None else below or 0.0
    clear = float(row.get("clear", threshold))
    if clear > threshold if above is not None else clear < threshold:
        raise ConfigError(message("alert_rules.bad_clear", where=where))
    return AlertRule(
        name,
        row["metric"],
        above,
        below,
        clear,
        duration_ms(row.get("for", "0s"), where),
        duration_ms(row.get("keep_for", "0s"), where),
        {str(key): str(pattern) for key, pattern in row.get("where", {}).items()},
        severity,
        tuple(row.get("notify", ())),
        duration_ms(row.get("repeat", "4h"), where),
        str(row.get("summary", "")),
    )


def _receiver(path: Path, name: str, row: Mapping[str, Any]) -> ReceiverSettings:
    where = f"{path}: receiver {name}"
    unknown = sorted(set(row) - _RECEIVER_KEYS)
    if unknown:
        raise ConfigError(message("alert_rules.unknown_key", where=where, unknown=unknown[0]))
    kind = row.get("kind")
    if kind not in KINDS:
        raise ConfigError(message("alert_rules.bad_kind", where=where, known=", ".join(KINDS), kind=kind))
    url = str(row.get("url", "")) or _secret(where, row, "url_file")
    if kind == "mail" and not (row.get("server") and row.get("from") and row.get("to")):
        raise ConfigError(message("alert_rules.mail_needs", where=where))
    if kind != "mail" and not url:
        raise ConfigError(message("alert_rules.url_needed", where=where))
    return ReceiverSettings(
        name,
        kind,
        url,
        _secret(where, row, "token_file"),
        duration_ms(row.get("every", "1m"), where),
        str(row.get("server", "")),
        str(row.get("from", "")),
        tuple(map(str, row.get("to", ()))),
        str(row.get("user", "")),
        _secret(where, row, "password_file"),
        bool(row.get("starttls", True)),
    )


def _secret(where: str, row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        return ""
    try:
        return Path(str(row[key])).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            message("alert_rules.unreadable_file", where=where, key=key, reason=error.strerror)
        ) from error
