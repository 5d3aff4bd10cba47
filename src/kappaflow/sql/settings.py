"""Settings that steer planning: the engine's configuration with a session's overrides on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STREAMS_PREFIX = "ksql.streams."


@dataclass(frozen=True, slots=True)
class Settings:
    """Property look-up; overrides win, and names are found with or without ``ksql.streams.``."""

    config: Mapping[str, str] = field(default_factory=dict[str, str])
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])

    def get(self, name: str, default: str = "") -> str:
        """Return the value of `name` as text, or `default`."""
        for layer in (self.overrides, self.config):
            for key in (name, STREAMS_PREFIX + name):
                if key in layer:
                    return layer[key]
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return the value of `name` as a boolean."""
        value = self.get(name)
        return default if value == "" else value.strip().lower() == "true"

    def integer(self, name: str, default: int) -> int:
        """Return the value of `name` as an integer."""
        value = self.get(name)
        return default if value == "" else int(value)

    def all(self) -> dict[str, str]:
        """Return every setting by name, overrides on top."""
        return dict(self.config) | dict(self.overrides)
