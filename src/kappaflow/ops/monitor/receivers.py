"""Tell people: by a webhook, in Slack's format, by mail. One message holds everything that changed since the last one.

A message that cannot be delivered waits and goes out with the next one; what an alert was in between is not told, only
what it is then.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx

from kappaflow.errors import HostError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.alert_rules import ReceiverSettings
from kappaflow.ops.monitor.alerts import Alert, AlertState
from kappaflow.ops.monitor.samples import Series
from kappaflow.runtime.messages import message

assert _texts
TIMEOUT_S = 10.0
LINES_MAX = 20
ALERTS_MAX = 500
"""Alerts that a webhook is given at once; how many there are in all is said beside them."""
BACK_OFF_MS_MAX = 15 * 60_000


class Receiver:
    """One receiver and what it has not been told yet."""

    def __init__(self, settings: ReceiverSettings, cluster: str) -> None:
        """Nothing is to be told yet.

        Args:
            settings: who, and how.
            cluster: whose alerts these are.
        """
        self.settings = settings
        self._cluster = cluster
        self._waiting: dict[tuple[str, Series], Alert] = {}
        self._next_ms = 0
        self._failures = 0

    def add(self, alerts: Sequence[Alert]) -> None:
        """Note what has to be told; one that began and ended before anybody was told is told of as ended."""
        for alert in alerts:
            self._waiting[alert.rule.name, alert.series] = alert

    def waiting(self) -> list[Alert]:
        """What has not been told yet."""
        return list(self._waiting.values())

    def send(self, now_ms: int) -> str:
        """Send what waits, where the last message is long enough ago.

        Returns:
            Why it could not be sent; empty where it was, or where nothing had to be.
        """
        if not self._waiting or now_ms < self._next_ms:
            return ""
        alerts = list(self._waiting.values())
        try:
            SENDERS[self.settings.kind](self.settings, self._cluster, alerts)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, smtplib.SMTPException, HostError) as error:
            self._failures += 1
            wait = min(BACK_OFF_MS_MAX, self.settings.every_ms * 2 ** min(self._failures, 10))
            self._next_ms = now_ms + max(1000, wait)
            return message("monitor.not_sent", receiver=self.settings.name, reason=_reason(error))
        self._waiting.clear()
        self._failures = 0
        self._next_ms = now_ms + self.settings.every_ms
        return ""


def _reason(error: Exception) -> str:
    """What went wrong, without the address, which may be a secret."""
    return str(error) if isinstance(error, HostError) else type(error).__name__


def summary(cluster: str, alerts: Sequence[Alert]) -> str:
    """One line on a message."""
    firing = sum(a.state is not AlertState.RESOLVED for a in alerts)
    return message("monitor.subject", cluster=cluster, firing=firing, resolved=len(alerts) - firing)


def lines(alerts: Sequence[Alert]) -> list[str]:
    """The alerts of a message, the worst first; a last line says how many more there are."""
    order = {"critical": 0, "warning": 1, "info": 2}
    ranked = sorted(
        alerts, key=lambda a: (a.state is AlertState.RESOLVED, order[a.rule.severity], a.rule.name, a.series)
    )
    found = [line(alert) for alert in ranked[:LINES_MAX]]
    if len(ranked) > LINES_MAX:
        found.append(message("monitor.more", count=len(ranked) - LINES_MAX))
    return found


def line(alert: Alert) -> str:
    """One alert in one line."""
    labels = ", ".join(f"{name} {value}" for name, value in alert.series.labels)
    key = "monitor.resolved" if alert.state is AlertState.RESOLVED else "monitor.firing"
    since = datetime.fromtimestamp(alert.fired_ms / 1000, UTC).isoformat(timespec="seconds")
    text = message(
        key,
        severity=alert.rule.severity.upper(),
        rule=alert.rule.name,
        labels=f" ({labels})" if labels else "",
        value=f"{alert.value:,.6g}",
        since=since,
    )
    return f"{text} - {alert.rule.summary}" if alert.rule.summary else text


def _post(url: str, body: Any, headers: dict[str, str]) -> None:
    content = json.dumps(body, ensure_ascii=False).encode()
    with httpx.Client(timeout=TIMEOUT_S) as client:
        answer = client.post(url, content=content, headers={"Content-Type": "application/json"} | headers)
    if not answer.is_success:
        raise HostError(message("receivers.status", status=answer.status_code))


def _send_webhook(settings: ReceiverSettings, cluster: str, alerts: Sequence[Alert]) -> None:
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    rows = [alert.to_data() for alert in alerts[:ALERTS_MAX]]
    body = {"cluster": cluster, "summary": summary(cluster, alerts), "count": len(alerts), "alerts": rows}
    _post(settings.url, body, headers)


def _send_slack(settings: ReceiverSettings, cluster: str, alerts: Sequence[Alert]) -> None:
    """Source: Slack's documentation of incoming webhooks: ``text`` in its markup, with &, < and > escaped."""
    text = "\n".join([f"*{_slack(summary(cluster, alerts))}*", *(f"• {_slack(row)}" for row in lines(alerts))])
    _post(settings.url, {"text": text}, {})


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _send_mail(settings: ReceiverSettings, cluster: str, alerts: Sequence[Alert]) -> None:
    mail = EmailMessage()
    mail["Subject"] = summary(cluster, alerts)
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail.set_content("\n".join(lines(alerts)) + "\n")
    host, _, port = settings.server.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password)
        server.send_message(mail)


SENDERS: dict[str, Callable[[ReceiverSettings, str, Sequence[Alert]], None]] = {
    "webhook": _send_webhook,
    "slack": _send_slack,
    "mail": _send_mail,
}
