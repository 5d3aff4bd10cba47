"""Which texts are values of a topic configuration.

A number may have spaces around it and a sign, as in Java; it has neither underscores nor digits of other scripts.

Source: Kafka's topic configuration reference (4.x), "Valid Values".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum

INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1


class ConfigType(IntEnum):
    """Types as DescribeConfigs numbers them."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    LONG = 5
    DOUBLE = 6
    LIST = 7


Check = Callable[[str], object]
"""Raises ValueError for a value that is not accepted."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_REPLICA = re.compile(r"([0-9]+:[0-9]+)?")


def integer(low: int, high: int) -> Check:
    """A whole number within bounds."""

    def check(text: str) -> None:
        if not _INTEGER.fullmatch(text.strip()):
            raise ValueError("must be a whole number")
        if not low <= int(text) <= high:
            raise ValueError(f"must be from {low} to {high}")

    return check


def level(low: int, high: int, *others: int) -> Check:
    """A compression level: within bounds, or one that stands for the codec's own."""
    within = integer(min(low, *others), high) if others else integer(low, high)

    def check(text: str) -> None:
        within(text)
        if not low <= int(text) and int(text) not in others:
            raise ValueError(f"must be from {low} to {high}" + "".join(f", or {other}" for other in others))

    return check


def one_of(*values: str) -> Check:
    """One of some words."""

    def check(text: str) -> None:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}")

    return check


def list_of(*values: str) -> Check:
    """Some of some words, or none at all."""

    def check(text: str) -> None:
        if any(item not in values for item in items_of(text)):
            raise ValueError(f"must be a list of {', '.join(values)}")

    return check


def replicas(text: str) -> None:
    """Partitions and brokers whose replication is throttled; ``*`` stands for all, nothing for nothing."""
    items = items_of(text)
    if items != ["*"] and not all(_REPLICA.fullmatch(item) for item in items):
        raise ValueError("must be * or a list of partition:broker")


def boolean(*allowed: str) -> Check:
    """True or false, in letters of any case."""
    return lambda text: one_of(*(allowed or ("true", "false")))(text.strip().lower())


def ratio(text: str) -> None:
    """A number from 0 to 1."""
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError("must be a number")
    if not 0 <= float(text) <= 1:
        raise ValueError("must be from 0 to 1")


def items_of(text: str) -> list[str]:
    """The items of a list; none of an empty text."""
    return [item.strip() for item in text.split(",")] if text.strip() else []


def canonical(text: str, config_type: int) -> str:
    """A right value as it is read: without spaces around it, in small letters where it is true or false."""
    match config_type:
        case ConfigType.INT | ConfigType.LONG:
            return str(int(text))
        case ConfigType.DOUBLE:
            return str(float(text))
        case ConfigType.BOOLEAN:
            return text.strip().lower()
        case ConfigType.LIST:
            return ",".join(items_of(text))
        case _:
            return text.strip()
