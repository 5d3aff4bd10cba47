"""Real Kafka and ZooKeeper clusters for tests: any version from 2.8.2, in a temporary directory.

    with LocalCluster(ClusterSpec(brokers=3, version="3.9.2", zookeepers=3, disks=2)) as cluster:
        cluster.kill("broker-2")              # SIGKILL, as a crash
        cluster.start("broker-2")             # the same node, on the same ports and data
        cluster.stop("broker-1")              # SIGTERM, a controlled shutdown
        cluster.pause("zookeeper-3")          # SIGSTOP, until resume
        with cluster.session() as session:    # operations on it, hosts included
            session.admin.describe()

Servers die with the process that started them, in whatever way that ends.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from kappaflow.ops.local_clusters import cluster as local_clusters
from kappaflow.ops.local_clusters.layout import ClusterSpec
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.closing import Closing

__all__ = ["ClusterSpec", "LocalCluster"]

_GUARD = """\
cat >/dev/null
for kept in "$0"/*/service.pid; do
  pid=$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p' "$kept" 2>/dev/null)
  if [ -n "$pid" ] && grep -q -- "$0" "/proc/$pid/cmdline" 2>/dev/null; then kill -9 "$pid" 2>/dev/null; fi
done
while read -r _ path _; do
  case "$path" in "$0"/*) umount -l "$path";; esac
done </proc/self/mounts
"""
"""Waits until its standard input closes, which the end of the test process does, and ends what still runs.

File systems that the cluster had of its own are unmounted, too.
"""


class LocalCluster(local_clusters.LocalCluster, Closing):
    """A cluster that a test owns."""

    def __init__(
        self,
        spec: ClusterSpec | None = None,
        *,
        name: str = "test",
        directory: Path | None = None,
        start: bool = True,
    ) -> None:
        """Lay out a cluster and start it.

        Args:
            spec: what it consists of; three brokers with KRaft by default.
            name: of its context.
            directory: of its files; a temporary one that ``close`` removes by default.
            start: whether to start all servers and wait until they serve.

        Raises:
            ConfigError: Java, Maven or jars are missing, or a server ended while starting.
        """
        self._own_directory = directory is None
        home = directory or Path(tempfile.mkdtemp(prefix="kappaflow-cluster-"))
        local_clusters.LocalCluster.create(name, home, spec or ClusterSpec())
        super().__init__(home)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(self.directory)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            if start:
                self.start_all()
        except BaseException:
            self.close()
            raise

    def session(self) -> OpsSession:
        """Operations on this cluster; close it when done."""
        return OpsSession(self.context())

    def is_running(self, name: str) -> bool:
        """Whether a server's process runs."""
        return self.host(name).service_state().state == "active"

    def log_text(self, name: str) -> str:
        """What a server has logged so far."""
        path = self.home(self.node(name)) / "service.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End all servers and remove a temporary directory."""
        self.kill_all()
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        if self._own_directory:
            self.delete()
            shutil.rmtree(self.directory, ignore_errors=True)
