"""Which software servers have, and where that of another version is on their machines."""

from __future__ import annotations

import re
from pathlib import Path

from kappaflow.errors import UsageError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.local_clusters.layout import FILE_NAME
from kappaflow.ops.local_clusters.software import kafka_jars, zookeeper_jars
from kappaflow.ops.upgrade import texts as _texts
from kappaflow.runtime.messages import text

assert _texts
LINK_OPTION = "software"
_JARS = {"kafka": re.compile(r"kafka_2\.1\d-([\d.]+\d)\.jar"), "zookeeper": re.compile(r"zookeeper-(\d[\d.]*\d)\.jar")}


def product_of(host: Host) -> str:
    """Whose server a host runs: ``kafka`` or ``zookeeper``."""
    return "zookeeper" if "zookeeper" in host.entry.roles else "kafka"


def link_of(host: Host) -> str:
    """The link that a server's software is reached by.

    Raises:
        UsageError: the context does not say.
    """
    link = host.entry.options.get(LINK_OPTION, "")
    if not link:
        raise UsageError(str(text("upgrade.no_link", node=f"{host.entry.roles[0]} {host.entry.node_id}")))
    return link


def version_of(host: Host) -> str:
    """The version of a server's software, by the names of its jars; empty where it cannot be told."""
    link = link_of(host)
    listed = host.run(["sh", "-c", 'ls "$1/" "$1/libs" "$1/lib" 2>/dev/null', "sh", link]).output
    match = _JARS[product_of(host)].search(listed)
    return match[1] if match else ""


def target_for(host: Host, version: str, template: str) -> str:
    """The directory with the software of a version on a server's machine.

    Args:
        host: of the server.
        version: wanted.
        template: the directory with ``{version}`` in it; empty for clusters that kappa runs on this machine.

    Raises:
        UsageError: no template was given and kappa does not run the cluster.
        ConfigError: the jars of the version cannot be had.
    """
    if template:
        return template.replace("{version}", version)
    if host.entry.adapter != "local" or not (Path(host.entry.address).parent / FILE_NAME).exists():
        raise UsageError(str(text("upgrade.no_template")))
    return str(zookeeper_jars(version) if product_of(host) == "zookeeper" else kafka_jars(version))
