"""Settings that steer planning: the engine's configuration with a session's overrides on top.

A stored plan keeps what planning read of the configuration, so that a server that was started with another one, or
again, makes the same plan of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kappaflow.sql.property_values import STREAMS_PREFIX, integer_of


@dataclass(frozen=True, slots=True)
class Settings:
    """Property look-up; overrides win, and names are found with or without ``ksql.streams.``.

    Attributes:
        kept: of the configuration that a stored plan was made with, by name; "" where it said nothing.
        read: the same of this look-up so far, for the plan that is being made.
    """

    config: Mapping[str, str] = field(default_factory=dict[str, str])
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    read: dict[str, str] = field(default_factory=dict[str, str], compare=False)

    def get(self, name: str, default: str = "") -> str:
        """Return the value of `name` as text, or `default`."""
        keys = (name, STREAMS_PREFIX + name)
        for key in keys:
            if key in self.overrides:
                return self.overrides[key]
        value = self.kept.get(name)
        if value is None:
            value = next((self.config[key] for key in keys if key in self.config), "")
        if name.startswith("ksql."):
            self.read[name] = value
        return value or default

    def flag(self, name: str, default: bool) -> bool:
        """Return the value of `name` as a boolean."""
        value = self.get(name)
        return default if value == "" else value.strip().lower() == "true"

    def integer(self, name: str, default: int) -> int:
        """Return the value of `name` as an integer.

        Raises:
            ConfigError: it is none.
        """
        value = self.get(name)
        return default if value == "" else integer_of(name, value)

    def all(self) -> dict[str, str]:
        """Return every setting by name, overrides on top."""
        return dict(self.config) | dict(self.overrides)
