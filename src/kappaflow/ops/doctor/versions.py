"""Rules about brokers that are not of one version."""

from __future__ import annotations

from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

PROTOCOL = "inter.broker.protocol.version"


def versions_differ(seen: Observation) -> list[Finding]:
    """Brokers with other software than the rest, told by jars, supported features, or the protocol between brokers."""
    software = {broker: machine.version for broker, machine in seen.machines.items()}
    features = {
        broker: ", ".join(f"{name} {row.supported_min}-{row.supported_max}" for name, row in sorted(rows.items()))
        for broker, rows in seen.features.items()
    }
    protocols = {
        broker: entries[PROTOCOL].value for broker, entries in seen.broker_configs.items() if PROTOCOL in entries
    }
    for sign, told in (("software", software), ("features", features), (PROTOCOL, protocols)):
        known = {broker: value for broker, value in sorted(told.items()) if value}
        if len(set(known.values())) > 1:
            rows = [f"{broker} ({value})" for broker, value in known.items()]
            return finding("versions_differ", Severity.WARNING, rows, sign=sign)
    return []
