"""The face of a machine that runs one server of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from kappaflow.ops.contexts.cluster_context import HostEntry, Role


class CommandResult(NamedTuple):
    """What a command on a machine gave."""

    code: int
    output: str
    errors: str


class ServiceState(NamedTuple):
    """The service of a node.

    Attributes:
        state: as systemd names it; ``activating`` while it starts.
        pid: of its main process, 0 where there is none.
        since_ms: when it entered the state, in ms since the epoch; 0 where unknown.
    """

    state: Literal["active", "activating", "deactivating", "inactive", "failed"]
    pid: int
    since_ms: int


class DiskSpace(NamedTuple):
    """The file system that holds a path."""

    total_bytes: int
    free_bytes: int


class Host(Protocol):
    """A machine and the one service of the cluster that it is known for. Calls block.

    All raise ``HostError`` where the machine cannot be reached or refuses.
    """

    @property
    def entry(self) -> HostEntry:
        """What the context says about it."""
        ...

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        """Run a command without a shell; its code is for the caller to judge."""
        ...

    def read_file(self, path: str) -> bytes:
        """The content of a file."""
        ...

    def write_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Replace a file, whole or not at all, durable when this returns."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is such a file or directory."""
        ...

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it."""
        ...

    def disk_space(self, path: str) -> DiskSpace:
        """The file system that holds a path."""
        ...

    def service_state(self) -> ServiceState:
        """The service now."""
        ...

    def start(self) -> None:
        """Start the service; returns when the machine has accepted that."""
        ...

    def stop(self) -> None:
        """Stop the service in a controlled way; returns when it has ended."""
        ...

    def log_tail(self, lines: int = 50) -> str:
        """The last lines that the service logged."""
        ...


@runtime_checkable
class LooksAtOnce(Protocol):
    """A machine that says several things by one command, where each command takes its time."""

    def service_and_file(self, path: str) -> tuple[ServiceState, bytes | None]:
        """The service, and the content of a file; None where there is none."""
        ...


class Hosts(Protocol):
    """The machines of a cluster."""

    def all(self, role: Role | None = None) -> list[Host]:
        """Machines by node id, of one role where given."""
        ...

    def get(self, node_id: int, role: Role = "broker") -> Host:
        """The machine of a node.

        Raises:
            ConfigError: the context names none.
        """
        ...

    def __len__(self) -> int: ...
