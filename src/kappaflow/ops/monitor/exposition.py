"""A snapshot in Prometheus' text format (version 0.0.4).

Source: Prometheus' documentation of its exposition formats.
"""

from __future__ import annotations

import math

from kappaflow.ops.monitor.metrics import METRICS
from kappaflow.ops.monitor.samples import Series, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(snapshot: Snapshot, cluster: str) -> str:
    """All figures, each with the label ``cluster``.

    >>> seen = Snapshot(0)
    >>> seen.put("kappa_broker_leaders", 3, broker=1)
    >>> print(exposition(seen, "dev"), end="")
    # HELP kappa_broker_leaders partitions that a broker leads
    # TYPE kappa_broker_leaders gauge
    kappa_broker_leaders{cluster="dev",broker="1"} 3
    """
    lines: list[str] = []
    before = ""
    for series in sorted(snapshot.values):
        if series.metric != before:
            before = series.metric
            metric = METRICS[series.metric]
            lines += [f"# HELP {before} {metric.help}", f"# TYPE {before} {metric.kind}"]
        lines.append(f"{series.metric}{{{_labels(series, cluster)}}} {_number(snapshot.values[series])}")
    return "\n".join(lines) + "\n"


def _labels(series: Series, cluster: str) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in (("cluster", cluster), *series.labels))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
