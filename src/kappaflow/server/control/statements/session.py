"""The session of one request: properties, variables, and what SET, UNSET, DEFINE and UNDEFINE do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import StatementError, UsageError
from kappaflow.server.control.property_rules import check_override, check_value
from kappaflow.sql.ast import statements as s


def as_text(value: Any) -> str:
    """Return a JSON value of a request's properties as the engine's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(slots=True)
class Session:
    """Overrides that last for one request; the command line sends its own with every request.

    Attributes:
        config: of the server, which may keep properties to itself.
    """

    properties: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, str] = field(default_factory=dict[str, str])
    config: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(
        cls, properties: dict[str, Any] | None, variables: dict[str, Any] | None, config: Mapping[str, str]
    ) -> Session:
        """Make a session from the fields of a request."""
        return cls(
            {name: as_text(value) for name, value in (properties or {}).items()},
            {name: as_text(value) for name, value in (variables or {}).items()},
            config,
        )

    def copy(self) -> Session:
        """Return a session that changes apart from this one."""
        return Session(dict(self.properties), dict(self.variables), self.config)

    def apply(self, statement: s.Statement) -> bool:
        """Execute a session statement; false when it is none."""
        match statement:
            case s.SetProperty(name, value):
                self._check(name, value)
                self.properties[name] = value
            case s.UnsetProperty(name):
                self.properties.pop(name, None)
            case s.DefineVariable(name, value):
                self.variables[name] = value
            case s.UndefineVariable(name):
                if self.variables.pop(name, None) is None:
                    raise StatementError(f"Cannot undefine {name}: it is not defined.")
            case _:
                return False
        return True

    def _check(self, name: str, value: str) -> None:
        try:
            check_override(name, self.config)
            check_value(name, value)
        except UsageError as error:
            raise StatementError(str(error)) from None
