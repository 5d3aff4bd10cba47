"""A stand-in for ``systemctl`` where no systemd runs: it starts, stops and shows services that are real processes.

    KAPPA_UNITS=DIR systemctl start UNIT      DIR/UNIT/service.json says what to run

Only what `SshHost` calls is there. Source: systemctl(1).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from kappaflow.errors import HostError
from kappaflow.ops.contexts.cluster_context import HostEntry
from kappaflow.ops.hosts.local_host import LocalHost

EXIT_USAGE, EXIT_NO_UNIT = 1, 5


def _show(host: LocalHost) -> None:
    state = host.service_state()
    sys.stdout.write(f"ActiveState={state.state}\nMainPID={state.pid}\nStateChangeTimestampMonotonic=0\n")


VERBS: dict[str, Callable[[LocalHost], None]] = {"start": LocalHost.start, "stop": LocalHost.stop, "show": _show}


def main() -> int:
    """Do what the command line says."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(words) != 2 or words[0] not in VERBS:
        sys.stderr.write("usage: systemctl start|stop|show UNIT\n")
        return EXIT_USAGE
    verb, unit = words
    directory = Path(os.environ["KAPPA_UNITS"]) / unit.removesuffix(".service")
    if not (directory / "service.json").exists():
        sys.stderr.write(f"Unit {unit} could not be found.\n")
        return EXIT_NO_UNIT
    try:
        VERBS[verb](LocalHost(HostEntry(0, address=str(directory), service=unit)))
    except HostError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
