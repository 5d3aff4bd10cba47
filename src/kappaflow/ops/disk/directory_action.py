"""The step that makes a directory one of a broker's and writes it into its properties file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.disk.identity import Identity, give_identity, identity_of, read_identity
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.hosts.properties import read_property, with_property
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, text

assert _texts
LOG_DIRS, LOG_DIR, METADATA_DIR = "log.dirs", "log.dir", "metadata.log.dir"
LOST_AND_FOUND = "lost+found"
DEFAULT_LOG_DIR = "/tmp/kafka-logs"
"""Source: the default of ``log.dir`` in Kafka's configuration."""


def log_directories(host: Host) -> list[str]:
    """The directories that a machine's properties file names.

    Raises:
        HostError: the file cannot be read.
    """
    return _directories(host.read_file(host.entry.config_file).decode())


def _directories(content: str) -> list[str]:
    value = read_property(content, LOG_DIRS) or read_property(content, LOG_DIR) or DEFAULT_LOG_DIR
    return [path.strip() for path in value.split(",") if path.strip()]


def _owner(host: Host, content: str) -> Identity | None:
    """Who the broker is, by what its directories say."""
    metadata = read_property(content, METADATA_DIR)
    return identity_of(host, [*_directories(content), *([metadata] if metadata else [])])


class AddDirectory:
    """Add a directory to ``log.dirs``: ``broker``, ``path``, ``file``."""

    name = "disk.add-directory"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("disk.add.step", path=arguments["path"], broker=arguments["broker"], file=arguments["file"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the file is kept. Once the broker has put replicas there, move them away first."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the directory is another server's, or the top of a file system, which Kafka cannot use."""
        host, path = session.hosts.get(arguments["broker"]), arguments["path"]
        if host.exists(f"{path.rstrip('/')}/{LOST_AND_FOUND}"):
            return [text("disk.add.top", path=path)]
        found, owner = read_identity(host, path), _owner(host, self._content(session, arguments))
        if found is None or owner is None or (found.node, found.cluster) == (owner.node, owner.cluster):
            return []
        return [text("disk.add.foreign", path=path, node=found.node or "-", cluster=found.cluster or "-")]

    def _content(self, session: OpsSession, arguments: Arguments) -> str:
        return session.hosts.get(arguments["broker"]).read_file(arguments["file"]).decode()

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The file."""
        return {"content": self._content(session, arguments)}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the file names it; it is written last."""
        return arguments["path"] in _directories(self._content(session, arguments))

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Make it, let it say whose it is where KRaft asks for that, and write it into the file."""
        host = session.hosts.get(arguments["broker"])
        content = self._content(session, arguments)
        host.make_directory(arguments["path"])
        owner = _owner(host, content)
        if owner is not None and owner.is_kraft and read_identity(host, arguments["path"]) is None:
            give_identity(host, arguments["path"], owner)
        crash_point("disk.directory-made")
        paths = [*_directories(content), arguments["path"]]
        host.write_file(arguments["file"], with_property(content, LOG_DIRS, ",".join(dict.fromkeys(paths))).encode())

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """The file names it."""
        if self.is_applied(session, arguments):
            return []
        return [text("disk.not_added", file=arguments["file"], path=arguments["path"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Write the file of before. The directory goes on saying whose it is, so that it can be added again."""
        session.hosts.get(arguments["broker"]).write_file(arguments["file"], captured["content"].encode())


register_actions(AddDirectory())
