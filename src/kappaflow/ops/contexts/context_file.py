"""The file of named clusters, ``clusters.toml`` in kappa's home directory.

It is written with the comments and the order that a person gave it, whole or not at all, and readable by its owner
only: it may hold passwords.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from kappaflow.errors import ConfigError, UsageError
from kappaflow.ops.contexts import texts as _texts
from kappaflow.ops.contexts.cluster_context import ClusterContext
from kappaflow.runtime.messages import message

assert _texts

FILE_NAME = "clusters.toml"


def home_directory() -> Path:
    """Where contexts, plans and the audit log are: ``KAPPA_HOME``, by default ``~/.kappa``."""
    return Path(os.environ.get("KAPPA_HOME") or Path.home() / ".kappa")


class ContextFile:
    """Named clusters, one of which is in use."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file; one that does not exist holds nothing.

        Args:
            path: the file; ``clusters.toml`` in the home directory by default.

        Raises:
            ConfigError: the file cannot be read.
        """
        self.path = path or home_directory() / FILE_NAME
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        try:
            self._document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise ConfigError(message("contexts.not_toml", path=self.path, error=error)) from error

    def _clusters(self) -> dict[str, Any]:
        return self._document.get("clusters", {})

    @property
    def current(self) -> str:
        """The name of the cluster in use; ``KAPPA_CLUSTER`` goes before the file. Empty where there is none."""
        return os.environ.get("KAPPA_CLUSTER") or str(self._document.get("current", ""))

    def names(self) -> list[str]:
        """The names of all clusters, sorted."""
        return sorted(self._clusters())

    def get(self, name: str = "") -> ClusterContext:
        """A cluster by name, or the one in use.

        Raises:
            UsageError: there is no such cluster, or none is in use.
            ConfigError: what stands in the file cannot be used.
        """
        wanted = name or self.current
        if not wanted:
            raise UsageError(message("contexts.none_in_use"))
        clusters = self._clusters()
        if wanted not in clusters:
            known = ", ".join(self.names()) or "none yet"
            raise UsageError(message("contexts.unknown", wanted=wanted, path=self.path, known=known))
        return ClusterContext.from_data(wanted, clusters[wanted].unwrap())

    def put(self, context: ClusterContext, *, use: bool = False) -> None:
        """Add or replace a cluster; the first one comes into use."""
        if "clusters" not in self._document:
            self._document["clusters"] = tomlkit.table(is_super_table=True)
        self._document["clusters"][context.name] = context.to_data()  # type: ignore[index]
        if use or not self._document.get("current"):
            self._choose(context.name)
        self._write()

    def use(self, name: str) -> None:
        """Take a cluster into use.

        Raises:
            UsageError: there is no such cluster.
        """
        self.get(name)
        self._choose(name)
        self._write()

    def _choose(self, name: str) -> None:
        if "current" in self._document:
            self._document["current"] = name
        else:  # it has to stand before the tables and what is said above them
            quoted = tomlkit.item(name).as_string()
            self._document = tomlkit.parse(f"current = {quoted}\n{tomlkit.dumps(self._document)}")

    def remove(self, name: str) -> None:
        """Forget a cluster.

        Raises:
            UsageError: there is no such cluster.
        """
        self.get(name)
        del self._document["clusters"][name]  # type: ignore[union-attr]
        if self._document.get("current") == name:
            del self._document["current"]
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(self._document))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
