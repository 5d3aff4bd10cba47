"""A machine that is reached by ssh and runs its server under systemd.

The programs ``ssh`` of this machine and ``systemctl`` of that one do the work: keys, agents, jump hosts and known hosts
are those of the person's own ssh configuration. Options of the entry: ``identity_file``, ``config_file_ssh``,
``known_hosts``, ``sudo`` (``yes`` to put ``sudo -n`` before commands that change something), ``systemctl``. All
commands go through one connection, see `ssh_sharing`.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

from kappaflow.errors import HostError
from kappaflow.ops.contexts.cluster_context import HostEntry
from kappaflow.ops.hosts import texts as _texts
from kappaflow.ops.hosts.face import CommandResult, DiskSpace, ServiceState
from kappaflow.ops.hosts.ssh_sharing import share
from kappaflow.runtime.messages import message

assert _texts

CONNECT_TIMEOUT_S, ALIVE_INTERVAL_S = 10, 5
LOOK_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 180.0
SSH_FAILED = 255
_STATES = ("active", "activating", "deactivating", "inactive", "failed")
_STATE = ("ActiveState", "MainPID", "StateChangeTimestampMonotonic")
_STATE_AND_FILE = (
    'path=$1; shift; "$@" || exit; echo; if [ -e "$path" ]; then echo there; cat -- "$path"; else echo missing; fi'
)
_REPLACE = (
    'umask 077; cat > "$1.kappa-new" && chmod "$2" "$1.kappa-new" && sync "$1.kappa-new" && mv "$1.kappa-new" "$1"'
)


class SshHost:
    """A machine with systemd."""

    def __init__(self, entry: HostEntry) -> None:
        if not entry.address:
            raise HostError(message("hosts.no_address", node_id=entry.node_id))
        self._entry = entry
        self._ssh = _ssh_command(entry)
        self._systemctl = entry.options.get("systemctl", "systemctl")
        self._sudo = ["sudo", "-n"] if entry.options.get("sudo") == "yes" else []

    @property
    def entry(self) -> HostEntry:
        """What the context says about it."""
        return self._entry

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        """Run a command; its words reach the other side as they are.

        Raises:
            HostError: the machine cannot be reached, or the command took too long.
        """
        return self._run(command, stdin, timeout_s, again=False)

    def _run(self, command: Sequence[str], stdin: bytes, timeout_s: float, *, again: bool) -> CommandResult:
        """Run it; once more, where it can be repeated, when the connection that was open turns out to be dead."""
        try:
            shared = share(self._ssh, CONNECT_TIMEOUT_S * 2)
            if shared.problem:
                raise self._unreachable(shared.problem)
            done = subprocess.run(
                [*shared.words, shlex.join(command)], input=stdin, capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise HostError(
                message("hosts.no_answer", address=self._entry.address, command=command[0], timeout_s=timeout_s)
            ) from error
        except OSError as error:
            raise HostError(message("hosts.no_ssh", reason=error.strerror)) from error
        errors = done.stderr.decode(errors="replace")
        if done.returncode == SSH_FAILED:
            if again and shared.is_shared:
                return self._run(command, stdin, timeout_s, again=False)
            raise self._unreachable(errors.strip().splitlines()[-1] if errors.strip() else "no reason given")
        return CommandResult(done.returncode, done.stdout.decode(errors="replace"), errors)

    def _unreachable(self, reason: str) -> HostError:
        ssh = " ".join(shlex.quote(word) for word in self._ssh)
        return HostError(message("hosts.ssh_unreachable", address=self._entry.address, reason=reason, ssh=ssh))

    def _change(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> str:
        """Run a command that can be repeated."""
        done = self._run([*self._sudo, *command], stdin, timeout_s, again=True)
        if done.code:
            raise HostError(
                message(
                    "hosts.command_failed",
                    address=self._entry.address,
                    command=shlex.join(command[:3]),
                    code=done.code,
                    reason=done.errors.strip()[-300:],
                )
            )
        return done.output

    def read_file(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            HostError: it cannot be read.
        """
        return self._change(["cat", "--", path], timeout_s=LOOK_TIMEOUT_S).encode()

    def write_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Replace a file, whole or not at all, durable when this returns.

        Raises:
            HostError: it cannot be written.
        """
        self._change(["sh", "-c", _REPLACE, "sh", path, f"{mode:o}"], stdin=content)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or directory."""
        return self.run([*self._sudo, "test", "-e", path], timeout_s=LOOK_TIMEOUT_S).code == 0

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it."""
        self._change(["mkdir", "-p", "--", path])

    def disk_space(self, path: str) -> DiskSpace:
        """The file system that holds a path."""
        numbers = self._change(["stat", "-f", "-c", "%S %b %a", "--", path], timeout_s=LOOK_TIMEOUT_S).split()
        block, blocks, available = (int(number) for number in numbers)
        return DiskSpace(block * blocks, block * available)

    def service_state(self) -> ServiceState:
        """The service now."""
        return _service_state(self._change(self._show(), timeout_s=LOOK_TIMEOUT_S))

    def service_and_file(self, path: str) -> tuple[ServiceState, bytes | None]:
        """The service and the content of a file by one command; None where there is no such file."""
        words = ["sh", "-c", _STATE_AND_FILE, "sh", path, *self._show()]
        state, _, rest = self._change(words, timeout_s=LOOK_TIMEOUT_S).partition("\n\n")
        found, _, content = rest.partition("\n")
        return _service_state(state), content.encode() if found == "there" else None

    def _show(self) -> list[str]:
        return [self._systemctl, "show", self._entry.service, *(f"--property={name}" for name in _STATE)]

    def start(self) -> None:
        """Start the service.

        Raises:
            HostError: systemd refused.
        """
        self._change([self._systemctl, "start", self._entry.service], timeout_s=STOP_TIMEOUT_S)

    def stop(self) -> None:
        """Stop the service in a controlled way; returns when it has ended.

        Raises:
            HostError: systemd refused, or it took too long.
        """
        self._change([self._systemctl, "stop", self._entry.service], timeout_s=STOP_TIMEOUT_S)

    def log_tail(self, lines: int = 50) -> str:
        """The last lines that the service logged to the journal."""
        done = self.run([*self._sudo, "journalctl", "-u", self._entry.service, "-n", str(lines), "--no-pager"])
        return done.output


def _service_state(output: str) -> ServiceState:
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    state = values.get("ActiveState", "inactive")
    known = state if state in _STATES else "inactive"
    return ServiceState(known, int(values.get("MainPID") or 0), 0)


def _ssh_command(entry: HostEntry) -> list[str]:
    user_host, _, port = entry.address.rpartition(":")
    if not user_host or not port.isdigit():
        user_host, port = entry.address, ""
    command = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    # A machine that dies while a command runs on it is noticed, however long the command may take.
    command += ["-o", f"ServerAliveInterval={ALIVE_INTERVAL_S}", "-o", "ServerAliveCountMax=3"]
    if port:
        command += ["-p", port]
    for option, flag in (("identity_file", "-i"), ("config_file_ssh", "-F")):
        if option in entry.options:
            command += [flag, entry.options[option]]
    if "known_hosts" in entry.options:
        command += ["-o", f"UserKnownHostsFile={entry.options['known_hosts']}"]
    return [*command, "--", user_host]
