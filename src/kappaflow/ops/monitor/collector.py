"""One look at a cluster: brokers by the protocol, JMX, machines; what fails does not keep the rest from being seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kappaflow.errors import HostError, KappaError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.brokers import BrokersPart
from kappaflow.ops.monitor.jmx import read_jmx
from kappaflow.ops.monitor.machines import look_at_machine
from kappaflow.ops.monitor.samples import Snapshot
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
AT_ONCE = 8
"""Machines and JMX endpoints that are asked at the same time."""


class Collector:
    """Looks at one cluster; what a second look needs of the first is kept here."""

    def __init__(self, session: OpsSession) -> None:
        """Nothing is asked yet.

        Args:
            session: the cluster.
        """
        self._session = session
        self._brokers = BrokersPart(session)

    def look(self) -> Snapshot:
        """Everything that can be seen now."""
        clock = self._session.clock
        started = clock.monotonic_s()
        snapshot = Snapshot(clock.time_ms())
        context = self._session.context
        parts: list[tuple[str, Callable[[], None]]] = [
            ("cluster", lambda: self._brokers.cluster(snapshot)),
            ("partitions", lambda: self._brokers.partitions(snapshot)),
            ("traffic", lambda: self._brokers.traffic(snapshot)),
            ("disks", lambda: self._brokers.disks(snapshot)),
            ("groups", lambda: self._brokers.groups(snapshot)),
        ]
        is_up = True
        for part, look in parts:
            if is_up:
                seen = snapshot.attempt(part, look, clock.monotonic_s)
                is_up = part != "cluster" or seen
            else:  # no broker answers: not to wait five times for the same
                snapshot.missing[part] = snapshot.missing["cluster"]
        snapshot.put("kappa_cluster_up", is_up)
        if context.jmx:
            snapshot.attempt("jmx", lambda: self._jmx(snapshot, context.jmx), clock.monotonic_s)
        if context.hosts:
            snapshot.attempt("machines", lambda: self._machines(snapshot), clock.monotonic_s)
        for part, seconds in snapshot.seconds.items():
            snapshot.put("kappa_monitor_part_seconds", seconds, part=part)
        for part in {*snapshot.seconds, *snapshot.missing}:
            snapshot.put("kappa_monitor_part_up", part not in snapshot.missing, part=part)
        snapshot.put("kappa_monitor_refresh_seconds", clock.monotonic_s() - started)
        return snapshot

    def not_set_up(self) -> dict[str, str]:
        """Parts that nobody has set up for this cluster, with what to do."""
        context = self._session.context
        found: dict[str, str] = {}
        if not context.jmx:
            found["jmx"] = message("monitor.no_jmx", cluster=context.name)
        if not context.hosts:
            found["machines"] = message("monitor.no_hosts", cluster=context.name)
        return found

    def _jmx(self, snapshot: Snapshot, addresses: Mapping[int, str]) -> None:
        failed: list[str] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = {broker: pool.submit(read_jmx, address) for broker, address in sorted(addresses.items())}
            for broker, answer in answers.items():
                try:
                    figures = answer.result()
                except HostError as error:
                    failed.append(message("monitor.broker_failed", broker=broker, reason=error))
                    snapshot.put("kappa_jmx_up", 0, broker=broker)
                    continue
                snapshot.put("kappa_jmx_up", 1, broker=broker)
                for metric, value in figures.items():
                    snapshot.put(metric, value, broker=broker)
        _raise(failed)

    def _machines(self, snapshot: Snapshot) -> None:
        failed: list[str] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            looks: list[Any] = [pool.submit(_one_machine, snapshot.at_ms, h) for h in self._session.hosts.all()]
            for look in looks:
                part, error = look.result()
                snapshot.values.update(part.values)
                if error:
                    failed.append(error)
        _raise(failed)


def _one_machine(at_ms: int, host: Any) -> tuple[Snapshot, str]:
    """Figures of one machine in a snapshot of their own, and why it failed."""
    part = Snapshot(at_ms)
    try:
        look_at_machine(part, host)
    except KappaError as error:
        return part, str(error)
    return part, ""


def _raise(failed: list[str]) -> None:
    if failed:
        raise HostError("; ".join(failed))
