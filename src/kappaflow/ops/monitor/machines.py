"""What the machines say: memory, load, file systems, and whether the service runs."""

from __future__ import annotations

import re

from kappaflow.errors import HostError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.hosts.properties import read_property
from kappaflow.ops.monitor.samples import Snapshot

_MEMORY = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
_PROCESSOR = re.compile(r"^cpu\d+ ", re.MULTILINE)
_MEMORY_NAMES = {"MemTotal": "kappa_host_memory_bytes", "MemAvailable": "kappa_host_memory_available_bytes"}
DIRECTORY_KEYS = ("log.dirs", "log.dir", "metadata.log.dir", "dataDir", "dataLogDir")
RUNNING = ("active", "activating")


def look_at_machine(snapshot: Snapshot, host: Host) -> None:
    """Note the figures of one server's machine.

    Raises:
        HostError: it cannot be reached; that, too, was noted.
    """
    labels = {"node": host.entry.node_id, "role": "+".join(host.entry.roles)}
    try:
        memory = host.read_file("/proc/meminfo").decode(errors="replace")
        load = host.read_file("/proc/loadavg").decode(errors="replace").split()
        processors = len(_PROCESSOR.findall(host.read_file("/proc/stat").decode(errors="replace")))
        state = host.service_state().state
    except HostError:
        snapshot.put("kappa_host_up", 0, **labels)
        raise
    snapshot.put("kappa_host_up", 1, **labels)
    snapshot.put("kappa_host_service_up", state in RUNNING, **labels)
    for name, kib in _MEMORY.findall(memory):
        snapshot.put(_MEMORY_NAMES[name], int(kib) * 1024, **labels)
    if load:
        snapshot.put("kappa_host_load_1m", float(load[0]), **labels)
    snapshot.put("kappa_host_cpus", processors, **labels)
    for path in data_directories(host):
        space = host.disk_space(path)
        snapshot.put("kappa_host_disk_bytes", space.total_bytes, **labels, dir=path)
        snapshot.put("kappa_host_disk_free_bytes", space.free_bytes, **labels, dir=path)
        if space.total_bytes:
            snapshot.put("kappa_host_disk_free_ratio", space.free_bytes / space.total_bytes, **labels, dir=path)


def data_directories(host: Host) -> list[str]:
    """Where the server keeps its data, by its properties file."""
    if not host.entry.config_file:
        return []
    content = host.read_file(host.entry.config_file).decode(errors="replace")
    found = [read_property(content, key) or "" for key in DIRECTORY_KEYS]
    return sorted({path.strip() for value in found for path in value.split(",") if path.strip()})
