"""Alerts: where each rule is for each series, and what people are told of that.

    QUIET ──bad──▶ PENDING ──bad for long enough──▶ FIRING ──well──▶ CLEARING ──well for long enough──▶ QUIET
      ▲              │                                 ▲                 │
      └───not bad────┘                                 └─────not well────┘

A value between the threshold and ``clear`` is neither bad nor well: a pending alert ends, a firing one goes on. A
series that was not seen because its part could not be looked at keeps its state; one that is gone from a part that was
looked at ends.

Nobody is sent a message for each alert: what changed for a receiver waits until its turn and goes out as one message,
of which the first lines name alerts and the last one says how many more there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from kappaflow.ops.monitor.alert_rules import AlertRule
from kappaflow.ops.monitor.metrics import METRICS
from kappaflow.ops.monitor.samples import Series, Snapshot


class AlertState(StrEnum):
    """Where an alert is."""

    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"
    RESOLVED = "resolved"


@dataclass
class Alert:
    """One rule for one series.

    Attributes:
        rule: the rule.
        series: what is bad.
        state: where it is.
        since_ms: when it entered the state.
        fired_ms: when it began to fire; 0 before.
        told_ms: when it was last told; 0 where it never was.
        value: the last one that was seen.
    """

    rule: AlertRule
    series: Series
    state: AlertState
    since_ms: int
    value: float
    fired_ms: int = 0
    told_ms: int = 0

    def to_data(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rule": self.rule.name,
            "severity": self.rule.severity,
            "metric": self.series.metric,
            "labels": dict(self.series.labels),
            "state": str(self.state),
            "since_ms": self.since_ms,
            "fired_ms": self.fired_ms,
            "told_ms": self.told_ms,
            "value": self.value,
            "summary": self.rule.summary,
        }


@dataclass
class Alerts:
    """All alerts of one cluster.

    Attributes:
        rules: what is watched.
        active: alerts that are not quiet, by rule and series.
    """

    rules: Sequence[AlertRule]
    active: dict[tuple[str, Series], Alert] = field(default_factory=dict[tuple[str, Series], Alert])

    def update(self, snapshot: Snapshot) -> list[Alert]:
        """Take in a look.

        Returns:
            What people have to be told: alerts that began to fire, that last and are due again, that ended.
        """
        changed: list[Alert] = []
        seen: set[tuple[str, Series]] = set()
        by_metric: dict[str, list[AlertRule]] = {}
        for rule in self.rules:
            by_metric.setdefault(rule.metric, []).append(rule)
        for series, value in snapshot.values.items():
            for rule in by_metric.get(series.metric, ()):
                if rule.concerns(series):
                    seen.add((rule.name, series))
                    changed += self._take(rule, series, value, snapshot.at_ms)
        for key in [k for k, a in self.active.items() if k not in seen and not _is_unseen(a, snapshot)]:
            alert = self.active.pop(key)
            if alert.state in (AlertState.FIRING, AlertState.CLEARING):
                changed.append(_move(alert, AlertState.RESOLVED, snapshot.at_ms))
        return sorted(changed, key=lambda a: (a.rule.name, a.series))

    def _take(self, rule: AlertRule, series: Series, value: float, now: int) -> list[Alert]:
        key = (rule.name, series)
        alert = self.active.get(key)
        if alert is None:
            if not rule.is_bad(value):
                return []
            alert = self.active[key] = Alert(rule, series, AlertState.PENDING, now, value)
        alert.value = value
        if alert.state is AlertState.PENDING:
            if not rule.is_bad(value):
                del self.active[key]
                return []
            if now - alert.since_ms < rule.for_ms:
                return []
            alert.fired_ms = alert.told_ms = now
            return [_move(alert, AlertState.FIRING, now)]
        if not rule.is_well(value):
            if alert.state is AlertState.CLEARING:
                _move(alert, AlertState.FIRING, now)
            if rule.repeat_ms and now - alert.told_ms >= rule.repeat_ms:
                alert.told_ms = now
                return [alert]
            return []
        if alert.state is AlertState.FIRING:
            _move(alert, AlertState.CLEARING, now)
        if now - alert.since_ms < rule.keep_ms:
            return []
        del self.active[key]
        return [_move(alert, AlertState.RESOLVED, now)]

    def shown(self) -> list[Alert]:
        """All alerts that are not quiet, the worst first."""
        order = {"critical": 0, "warning": 1, "info": 2}
        return sorted(self.active.values(), key=lambda a: (order[a.rule.severity], a.rule.name, a.series))

    def save(self, path: Path, waiting: Mapping[str, Sequence[Alert]]) -> None:
        """Keep the alerts, so that a monitor that starts anew does not tell everything again.

        Args:
            path: the file; replaced whole or not at all.
            waiting: what each receiver has not been told yet.
        """
        data = {
            "active": [alert.to_data() for alert in self.active.values()],
            "waiting": {name: [alert.to_data() for alert in alerts] for name, alerts in waiting.items()},
        }
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(data), encoding="utf-8")
        temporary.replace(path)

    def load(self, path: Path) -> dict[str, list[Alert]]:
        """Take up the alerts of rules that are still there; a file that is damaged or missing holds none.

        Returns:
            What each receiver has not been told yet; alerts that are active are the same objects.
        """
        try:
            data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            for alert in filter(None, map(self._alert, data["active"])):
                self.active[alert.rule.name, alert.series] = alert
            waiting: dict[str, list[Alert]] = {}
            for name, rows in data["waiting"].items():
                alerts = [alert for alert in map(self._alert, rows) if alert is not None]
                waiting[name] = [self.active.get((a.rule.name, a.series), a) for a in alerts]
            return waiting
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.active.clear()
            return {}

    def _alert(self, row: Mapping[str, Any]) -> Alert | None:
        """The alert that `Alert.to_data` wrote; None where its rule is gone."""
        rule = next((rule for rule in self.rules if rule.name == row["rule"]), None)
        series = Series(row["metric"], tuple(sorted(row["labels"].items())))
        if rule is None or not rule.concerns(series):
            return None
        state = AlertState(row["state"])
        return Alert(rule, series, state, row["since_ms"], row["value"], row["fired_ms"], row["told_ms"])


def _move(alert: Alert, state: AlertState, now: int) -> Alert:
    alert.state, alert.since_ms = state, now
    return alert


def _is_unseen(alert: Alert, snapshot: Snapshot) -> bool:
    """Whether the series is away because its part could not be looked at, rather than gone."""
    part = METRICS[alert.series.metric].part
    return part in snapshot.missing or (part != "monitor" and part not in snapshot.seconds)
