"""The monitor as a whole: look, remember, serve, tell; again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from kappaflow.errors import StorageError
from kappaflow.ops.monitor.alert_rules import DEFAULT_RULES, AlertSettings
from kappaflow.ops.monitor.alerts import Alert, Alerts
from kappaflow.ops.monitor.collector import Collector
from kappaflow.ops.monitor.endpoint import MetricsEndpoint
from kappaflow.ops.monitor.exposition import exposition
from kappaflow.ops.monitor.receivers import Receiver
from kappaflow.ops.monitor.samples import Snapshot
from kappaflow.ops.monitor.store import TimeStore
from kappaflow.ops.session import OpsSession

ALERTS_FILE = "alerts.json"
Report = Callable[[Snapshot, list[Alert], list[str]], None]
"""Told of every look: what was seen, which alerts changed, what went wrong with telling or keeping it."""


class Monitor:
    """Watches one cluster."""

    def __init__(
        self,
        session: OpsSession,
        store: TimeStore,
        directory: Path,
        settings: AlertSettings | None = None,
        endpoint: MetricsEndpoint | None = None,
    ) -> None:
        """Take up where the last monitor of this store ended.

        Args:
            session: the cluster.
            store: where looks are kept.
            directory: of the store; alerts are kept there, too.
            settings: rules and receivers; the rules that everybody wants, and nobody to tell, by default.
            endpoint: who serves the figures.
        """
        settings = settings or AlertSettings(DEFAULT_RULES)
        self._session = session
        self._store = store
        self._directory = directory
        self._endpoint = endpoint
        self._collector = Collector(session)
        self.alerts = Alerts(settings.rules)
        self._receivers = {r.name: Receiver(r, session.context.name) for r in settings.receivers}
        for name, alerts in self.alerts.load(directory / ALERTS_FILE).items():
            if name in self._receivers:
                self._receivers[name].add(alerts)

    @property
    def collector(self) -> Collector:
        """Who looks."""
        return self._collector

    def refresh(self) -> tuple[Snapshot, list[Alert], list[str]]:
        """One look, with everything that follows from it.

        Returns:
            What was seen, which alerts changed, and what went wrong with keeping or telling it.
        """
        snapshot = self._collector.look()
        snapshot.put("kappa_monitor_series", len(self._store))
        snapshot.put("kappa_monitor_dropped_series", self._store.dropped)
        problems: list[str] = []
        try:
            self._store.add(snapshot.at_ms, snapshot.values)
        except StorageError as error:
            problems.append(str(error))
        changed = self.alerts.update(snapshot)
        for name, receiver in self._receivers.items():
            receiver.add([alert for alert in changed if name in alert.rule.notify])
            problem = receiver.send(self._session.clock.time_ms())
            if problem:
                problems.append(problem)
        try:
            waiting = {name: receiver.waiting() for name, receiver in self._receivers.items()}
            self.alerts.save(self._directory / ALERTS_FILE, waiting)
        except OSError as error:
            problems.append(str(error))
        if self._endpoint is not None:
            text = exposition(snapshot, self._session.context.name)
            self._endpoint.publish(text, [alert.to_data() for alert in self.alerts.shown()])
        return snapshot, changed, problems

    def run(self, interval_s: float, stop: threading.Event, report: Report) -> None:
        """Look every so often until somebody says stop; a look that takes longer delays only the next one.

        Args:
            interval_s: from the beginning of a look to that of the next.
            stop: set to end it.
            report: told of every look.
        """
        clock = self._session.clock
        while not stop.is_set():
            started = clock.monotonic_s()
            report(*self.refresh())
            stop.wait(max(0.0, interval_s - (clock.monotonic_s() - started)))
