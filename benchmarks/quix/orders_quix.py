"""The workloads filter and group in Quix Streams, as its documentation writes such programs.

Usage: orders_quix.py MODE BOOTSTRAP GROUP INPUT OUTPUT STATE_DIR COMMIT_SECONDS. It is run by an environment of its own
(benchmarks/quix_side.py), in which nothing of kappaflow is installed. A signal ends it.
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application


def project(order: dict[str, Any]) -> dict[str, Any]:
    """Keep two fields of an order."""
    return {"ITEMID": order["itemid"], "X": order["orderunits"] * 2}


def add(order: dict[str, Any], state: Any) -> dict[str, Any]:
    """Add an order to the total of its key."""
    total = state.get("total", {"C": 0, "S": 0.0})
    total = {"C": total["C"] + 1, "S": total["S"] + order["orderunits"]}
    state.set("total", total)
    return total


def main(mode: str, bootstrap: str, group: str, source: str, output: str, state_dir: str, commit_seconds: str) -> None:
    """Run until a signal ends it."""
    application = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=float(commit_seconds),
        state_dir=state_dir,
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 50, "batch.size": 1_000_000, "acks": "all", "enable.idempotence": True},
    )
    orders = application.dataframe(application.topic(source, key_deserializer="str", value_deserializer="json"))
    if mode == "filter":
        results = orders[orders["orderunits"] > 50].apply(project)
    else:
        results = orders.apply(add, stateful=True)
    results.to_topic(application.topic(output, key_serializer="str", value_serializer="json"))
    application.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
