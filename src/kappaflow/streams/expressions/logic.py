"""Logic of three values: null is unknown.

null & False is False    null | True is True    otherwise null in, null out
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.serde.types import BOOLEAN, DataType
from kappaflow.streams.expressions.operation import Bound, pc, require


def _both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _either(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def and_(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Both are true."""
    require(all(each == BOOLEAN for each in types), "&", types, "conditions")
    return Bound(BOOLEAN, _both, pc.and_kleene, strict=False)


def or_(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """One is true, or both are."""
    require(all(each == BOOLEAN for each in types), "|", types, "conditions")
    return Bound(BOOLEAN, _either, pc.or_kleene, strict=False)


def not_(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """It is false."""
    require(types[0] == BOOLEAN, "~", types, "a condition")
    return Bound(BOOLEAN, "(not {0})", pc.invert)
