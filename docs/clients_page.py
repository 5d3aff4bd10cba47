"""The page of clients and features, from the results that ``make conformance`` recorded."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent / "tests" / "conformance" / "clients"
SIGNS = {"passed": "yes", "partly": "partly", "skipped": "skipped", "failed": "FAILED", "missing": "not run"}
WORST_FIRST = ("failed", "missing", "skipped", "partly", "passed")
ABOUT = """\
# Clients

Written by `make conformance` from a run of the tests that prove each cell; `tests/conformance/clients/features.toml`
names them. *yes*: all of them passed. *partly* and *skipped*: something outside was missing on the machine. Empty: no
test claims it. The last row: the client got, step by step, the answers that Apache Kafka gave it, refusals included.
"""


def clients_page() -> str:
    """A table with a row a feature and a column a client."""
    table = tomllib.loads((CLIENTS / "features.toml").read_text(encoding="utf-8"))
    recorded = json.loads((CLIENTS / "results.json").read_text(encoding="utf-8"))
    results = {"/".join(test.split("/")[-2:]): outcome for test, outcome in recorded["results"].items()}
    clients, versions = table["clients"], recorded["versions"]
    heads = [f"{name} {versions[name]}" if name in versions else name for name in clients]
    lines = [ABOUT, f"| Feature | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for feature in table["features"]:
        cells = [_cell([results.get(test, "missing") for test in rows.get(feature, [])]) for rows in clients.values()]
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(outcomes: list[str]) -> str:
    return SIGNS[min(outcomes, key=WORST_FIRST.index)] if outcomes else ""
