"""Write ``tables.json`` again: ``python -m kappaflow.ops.config_tables.generate``.

Each version's jars come from Maven Central; a small Java program prints what they define.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kappaflow.errors import ConfigError
from kappaflow.ops.config_tables.tables import FILE_NAME
from kappaflow.ops.local_clusters.maven import class_path
from kappaflow.ops.local_clusters.programs import command_path
from kappaflow.ops.local_clusters.software import kafka_jars

VERSIONS = (
    *("2.8.2", "3.0.2", "3.1.2", "3.2.3", "3.3.2", "3.4.1", "3.5.2", "3.6.2", "3.7.2", "3.8.1", "3.9.2"),
    *("4.0.0", "4.1.0", "4.2.0", "4.3.0"),
)
SOURCE = "the ConfigDef of kafka.server.KafkaConfig and of LogConfig in org.apache.kafka:kafka_2.13 of each version"
HERE = Path(__file__).parent
PROGRAM_TIMEOUT_S = 180


def definitions(version: str) -> list[dict[str, Any]]:
    """What one version defines.

    Raises:
        ConfigError: Java or the jars are missing, or the program does not fit the version.
    """
    command = [command_path("java"), "-cp", class_path(kafka_jars(version)), str(HERE / "ConfigDefs.java")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=False)
    if done.returncode:
        raise ConfigError(f"Kafka {version}: the configurations cannot be read: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def spans(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Definitions by version as spans of versions in which each stays the same."""
    tables: dict[str, Any] = {"source": SOURCE, "versions": list(rows), "broker": {}, "topic": {}}
    for at, version in enumerate(rows):
        for row in rows[version]:
            value = [row["type"], int(row["required"]), row["default"], row["range"], row["update"]]
            held: list[list[Any]] = tables[row["scope"]].setdefault(row["name"], [])
            if held and held[-1][1] == at - 1 and held[-1][2:] == value:
                held[-1][1] = at
            else:
                held.append([at, at, *value])
    return tables


def main() -> int:
    """Write the file."""
    rows = {version: definitions(version) for version in VERSIONS}
    tables = spans(rows)
    lines = [f'"source": {json.dumps(tables["source"])}', f'"versions": {json.dumps(tables["versions"])}']
    for scope in ("broker", "topic"):
        entries = (f"{json.dumps(name)}: {json.dumps(tables[scope][name])}" for name in sorted(tables[scope]))
        lines.append(f'"{scope}": {{\n' + ",\n".join(entries) + "\n}")
    (HERE / FILE_NAME).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    sys.stdout.write(f"{HERE / FILE_NAME}: {len(rows)} versions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
