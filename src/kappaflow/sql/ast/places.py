"""Errors get the place of the innermost node that they were found in."""

from __future__ import annotations

from collections.abc import Generator
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


@contextmanager
def place_of(node: Placed) -> Generator[None]:
    """Give the errors raised meanwhile the place of a node, where they have none yet."""
    try:
        yield
    except StatementError as error:
        error.locate(node.position)
        raise
