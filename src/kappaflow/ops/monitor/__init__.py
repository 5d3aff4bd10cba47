"""The monitor: looks at a cluster again and again, remembers what it saw, tells people when something is wrong.

    session ──▶ Collector ──▶ Snapshot ──┬──▶ TimeStore   rings of fixed size on disk       store.py, ring.py
                 brokers    brokers.py   ├──▶ /metrics    Prometheus' text format           exposition.py, endpoint.py
                 JMX        jmx.py       └──▶ Alerts      rules with hysteresis             alert_rules.py, alerts.py
                 machines   machines.py          └──▶ webhook, Slack, mail, batched         receivers.py

What cannot be asked is a reason in the snapshot, never a zero: figures of a part that failed are left out, and alerts
about them keep their state.
"""

from kappaflow.ops.monitor.alert_rules import AlertRule, AlertSettings, read_alert_settings
from kappaflow.ops.monitor.alerts import Alert, Alerts, AlertState
from kappaflow.ops.monitor.collector import Collector
from kappaflow.ops.monitor.endpoint import MetricsEndpoint
from kappaflow.ops.monitor.exposition import exposition
from kappaflow.ops.monitor.monitor import Monitor
from kappaflow.ops.monitor.quiet_hours import find_quiet_hours
from kappaflow.ops.monitor.samples import Series, Snapshot
from kappaflow.ops.monitor.store import TimeStore, store_directory

__all__ = [
    "Alert",
    "AlertRule",
    "AlertSettings",
    "AlertState",
    "Alerts",
    "Collector",
    "MetricsEndpoint",
    "Monitor",
    "Series",
    "Snapshot",
    "TimeStore",
    "exposition",
    "find_quiet_hours",
    "read_alert_settings",
    "store_directory",
]
