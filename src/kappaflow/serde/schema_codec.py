"""What a registered schema can do: turn plain values into bytes and back.

Plain values: None, bool, int, float, Decimal, str, bytes, list, dict; dates and times are numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any

from kappaflow.serde import types as t


class SchemaCodec(ABC):
    """A schema bound to its binary form.

    Attributes:
        data_type: the column type that the schema describes, None where columns cannot hold it.
    """

    data_type: t.DataType | None = None

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """Write a value; fields are found by name in any case, missing ones are null.

        Raises:
            SerializationError: the value does not fit.
        """

    @abstractmethod
    def decode(self, data: bytes) -> Any:
        """Read a value.

        Raises:
            SerializationError: the bytes do not fit.
        """


def plain_integer(value: Any) -> int:
    """Return a value that must be whole.

    Raises:
        TypeError: there is none.
        ValueError: it is no number.
    """
    if isinstance(value, bool) or value is None:
        raise TypeError(f"expected a whole number, got {value!r}")
    return int(value)


def plain_float(value: Any) -> float:
    """Return a value that must be a number.

    Raises:
        TypeError: there is none.
        ValueError: it is no number.
    """
    return float(value)


def plain_boolean(value: Any) -> bool:
    """Return a truth value, also of the texts that stand for one.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, str):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {value!r}")
    return value


def plain_text(value: Any) -> str:
    """Return a value as text.

    Raises:
        TypeError: there is none.
    """
    if value is None:
        raise TypeError("expected a text, got null")
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)
