"""Collect lines of generated Python and the constants they use, and compile them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FIXED_FORMATS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float64": "d",
    "bool": "?",
}
"""Field kinds of fixed size and their ``struct`` codes."""


class SourceWriter:
    """Lines of one generated module."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._namespace = dict(names)
        self._lines: list[str] = []
        self._taken = 0

    def line(self, depth: int, text: str) -> None:
        """Add one line, indented by `depth` steps."""
        self._lines.append(" " * depth + text)

    def constant(self, value: Any) -> str:
        """Give `value` a name in the generated module."""
        if value is None or isinstance(value, bool | int):
            return repr(value)
        name = self.unique_name("c")
        self._namespace[name] = value
        return name

    def unique_name(self, stem: str) -> str:
        """A name not used before."""
        self._taken += 1
        return f"{stem}_{self._taken}"

    def compile(self, entry: str) -> Callable[..., Any]:
        """Compile all lines and give the function named `entry`."""
        exec(compile("\n".join(self._lines), f"<kafka codec {entry}>", "exec"), self._namespace)
        return self._namespace[entry]
