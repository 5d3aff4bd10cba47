"""The value that stands for any Kafka protocol struct, whatever its version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

ZERO_UUID = UUID(int=0)


class Message(SimpleNamespace):
    """A protocol struct: attributes named as in Kafka's protocol, in snake case, durations ending in ``_ms``.

    A decoded request carries every field of its own version and, with their defaults, the fields that only
    the newest supported version has. A response may carry more fields than the version that is written.

    >>> Message(name="orders", partition_index=3).name
    'orders'
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
