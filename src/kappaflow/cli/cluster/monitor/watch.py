"""`kappa cluster monitor`: watch a cluster until Ctrl-C, remember it, serve Prometheus, tell people."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kappaflow.cli.cluster.monitor import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.sizes import size_bytes
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, context_of
from kappaflow.cli.operations.times import duration_ms
from kappaflow.errors import ConfigError, UsageError
from kappaflow.ops.monitor import (
    Alert,
    Alerts,
    AlertSettings,
    AlertState,
    Collector,
    MetricsEndpoint,
    Monitor,
    Snapshot,
    TimeStore,
    read_alert_settings,
    store_directory,
)
from kappaflow.ops.monitor.alert_rules import DEFAULT_RULES
from kappaflow.ops.monitor.metrics import METRICS
from kappaflow.ops.monitor.receivers import line
from kappaflow.ops.session import OpsSession

assert _texts
ALARM, WELL = 1, 0
REQUEST_TIMEOUT_MS = 8_000
"""A look should say within ten seconds that nobody answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--interval", default="60s", metavar="TIME", help=message("cluster_monitor.interval"))
    parser.add_argument("--retention", default="7d", metavar="TIME", help=message("cluster_monitor.retention"))
    parser.add_argument("--store-size", default="1GB", metavar="SIZE", help=message("cluster_monitor.store_size"))
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help=message("cluster_monitor.listen"))
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=message("cluster_monitor.token_file"))
    parser.add_argument("--rules", type=Path, metavar="FILE", help=message("cluster_monitor.rules"))
    parser.add_argument("--once", action="store_true", help=message("cluster_monitor.once"))
    parser.add_argument("--metrics", action="store_true", help=message("cluster_monitor.metrics"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch until somebody ends it, or look once."""
    if arguments.metrics:
        print_table(("METRIC", "PART", "MEANING"), [(name, m.part, m.help) for name, m in METRICS.items()])
        return WELL
    settings = read_alert_settings(arguments.rules) if arguments.rules else AlertSettings(DEFAULT_RULES)
    with OpsSession(context_of(arguments), request_timeout_ms=REQUEST_TIMEOUT_MS) as session:
        if arguments.once:
            return _once(session, settings, as_json=arguments.json)
        with ExitStack() as stack:
            _watch(session, settings, arguments, stack)
    return WELL


def _once(session: OpsSession, settings: AlertSettings, *, as_json: bool) -> int:
    """One look; alerts do not wait for their time."""
    collector = Collector(session)
    snapshot = collector.look()
    alerts = Alerts([replace(rule, for_ms=0) for rule in settings.rules])
    alerts.update(snapshot)
    if as_json:
        print_json(_data(snapshot, alerts.shown(), list(collector.not_set_up().values()), whole=True))
    else:
        _notes(collector)
        _show(snapshot, alerts.shown(), [])
    return ALARM if any(alert.rule.severity == "critical" for alert in alerts.shown()) else WELL


def _watch(session: OpsSession, settings: AlertSettings, arguments: argparse.Namespace, stack: ExitStack) -> None:
    interval_ms = duration_ms(arguments.interval)
    directory = store_directory(session.context.name)
    store = TimeStore(
        directory,
        interval_ms=max(1000, interval_ms),
        retention_ms=duration_ms(arguments.retention),
        bytes_max=size_bytes(arguments.store_size),
    )
    stack.callback(store.close)
    endpoint = _endpoint(arguments)
    if endpoint is not None:
        stack.callback(endpoint.close)
    monitor = Monitor(session, store, directory, settings, endpoint)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not arguments.json:
        started = message(
            "cluster_monitor.started", cluster=session.context.name, interval=arguments.interval, directory=directory
        )
        sys.stdout.write(started + "\n")
        if endpoint is not None:
            host = _address(arguments.listen)[0]
            sys.stdout.write(message("cluster_monitor.serving", host=host, port=endpoint.port) + "\n")
        _notes(monitor.collector)
        sys.stdout.flush()

    def report(snapshot: Snapshot, changed: list[Alert], problems: list[str]) -> None:
        if arguments.json:
            sys.stdout.write(json.dumps(_data(snapshot, changed, problems), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            _show(snapshot, changed, problems)

    monitor.run(interval_ms / 1000, stop, report)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(message("cluster_monitor.bad_listen", text=text))
    return host.strip("[]"), int(port)


def _endpoint(arguments: argparse.Namespace) -> MetricsEndpoint | None:
    if not arguments.listen:
        return None
    token = ""
    if arguments.token_file:
        try:
            token = arguments.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            text = message("cluster_monitor.no_token", path=arguments.token_file, reason=error.strerror)
            raise ConfigError(text) from error
    return MetricsEndpoint(*_address(arguments.listen), token)


def _notes(collector: Collector) -> None:
    for what in collector.not_set_up().values():
        sys.stdout.write(message("cluster_monitor.not_set_up", what=what) + "\n")


def _data(snapshot: Snapshot, alerts: list[Alert], notes: list[str], *, whole: bool = False) -> dict[str, Any]:
    """A look as JSON values; of the cluster as a whole, or everything."""
    figures = {
        str(series): value
        for series, value in sorted(snapshot.values.items())
        if whole or series.metric.startswith("kappa_cluster")
    }
    return {
        "at_ms": snapshot.at_ms,
        "values": figures,
        "missing": snapshot.missing,
        "alerts": [alert.to_data() for alert in alerts],
        "notes": notes,
    }


def _show(snapshot: Snapshot, alerts: list[Alert], problems: list[str]) -> None:
    time = f"{datetime.fromtimestamp(snapshot.at_ms / 1000):%H:%M:%S}"  # noqa: DTZ006 - as the person's clock has it
    if not snapshot.get("kappa_cluster_up"):
        sys.stdout.write(message("cluster_monitor.down", time=time) + "\n")
    else:
        sys.stdout.write(message("cluster_monitor.line", time=time, **_figures(snapshot)) + "\n")
    for part, reason in snapshot.missing.items():
        sys.stdout.write("  " + message("cluster_monitor.unseen", part=part, reason=reason) + "\n")
    for alert in alerts:
        mark = "ok" if alert.state is AlertState.RESOLVED else "!!" if alert.rule.severity == "critical" else "! "
        sys.stdout.write(f"  {mark} {line(alert)}\n")
    for problem in problems:
        sys.stdout.write("  " + message("cluster_monitor.problem", problem=problem) + "\n")
    sys.stdout.flush()


def _figures(snapshot: Snapshot) -> dict[str, str]:
    names = {
        "brokers": "kappa_cluster_brokers",
        "partitions": "kappa_cluster_partitions",
        "under": "kappa_cluster_under_replicated_partitions",
        "offline": "kappa_cluster_offline_partitions",
        "below": "kappa_cluster_under_min_isr_partitions",
        "rate": "kappa_cluster_records_per_second",
        "groups": "kappa_cluster_groups",
    }
    values = {key: snapshot.get(metric) for key, metric in names.items()}
    shown = {key: "-" if value is None else f"{value:,.0f}" for key, value in values.items()}
    return shown | {"seconds": f"{snapshot.get('kappa_monitor_refresh_seconds') or 0:.1f}"}
