"""Places of names, and of errors: that of the innermost node that they were found in."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Protocol

from kappaflow.errors import StatementError
from kappaflow.sql.ast.expressions import Position


class Placed(Protocol):
    """A node of a statement."""

    @property
    def position(self) -> Position | None:
        """Where it starts; None where it was not written but made."""
        ...


class PlacedName(str):
    """A name that knows where it was written; it equals the same name written elsewhere.

    Attributes:
        position: where it starts; None where it was not written but made.
        value_position: where what is given under this name starts.
    """

    __slots__ = ("position", "value_position")

    position: Position | None
    value_position: Position | None

    def __new__(cls, text: str, position: Position | None = None, value_position: Position | None = None) -> PlacedName:
        """Make one."""
        made = super().__new__(cls, text)
        made.position = position
        made.value_position = value_position
        return made


def value_place(properties: Iterable[str], *names: str) -> Position | None:
    """Return where the value of the first of `names` that is among the names of a WITH clause was written."""
    given = {str(key): key for key in properties}
    key = next((given[name] for name in names if name in given), None)
    return key.value_position if isinstance(key, PlacedName) else None


@contextmanager
def place_of(node: Placed) -> Generator[None]:
    """Give the errors raised meanwhile the place of a node, where they have none yet."""
    with located(node.position):
        yield


@contextmanager
def located(at: Position | None) -> Generator[None]:
    """Give the errors raised meanwhile a place, where they have none yet."""
    try:
        yield
    except StatementError as error:
        error.locate(at)
        raise
