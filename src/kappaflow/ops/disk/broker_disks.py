"""Whether a broker runs, and which of its directories have failed.

A broker that has lost one of several log directories runs on with the others; one that has lost all of them ends. The
cluster counts a broker in until its session is over, some seconds after its process has ended, so the machine is asked
first.
"""

from __future__ import annotations

from typing import NamedTuple

from kappaflow.errors import KappaError
from kappaflow.ops.session import OpsSession


class BrokerDisks(NamedTuple):
    """A broker now.

    Attributes:
        runs: whether its process runs and answers.
        failed: its directories that are offline; empty where it does not run.
    """

    runs: bool
    failed: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it runs with all its directories."""
        return self.runs and not self.failed


def look_at_broker(session: OpsSession, broker: int) -> BrokerDisks:
    """Ask the machine, then the cluster, then the broker itself.

    Raises:
        ConfigError: the context names no machine of the broker.
        HostError: the machine cannot be reached.
    """
    if session.hosts.get(broker).service_state().state != "active":
        return BrokerDisks(runs=False)
    try:
        if broker not in {row.node_id for row in session.admin.describe().brokers}:
            return BrokerDisks(runs=False)
        directories = session.admin.log_dirs.describe(brokers=[broker])
    except KappaError:  # it hangs, or is on its way up
        return BrokerDisks(runs=False)
    return BrokerDisks(runs=True, failed=tuple(row.path for row in directories if row.error))
