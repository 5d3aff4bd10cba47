"""Turns a coordinator's callback into a handler's answer: at once where it came at once, else later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from kappaflow.broker.context import HandlerResult
from kappaflow.wire.message import Message

T = TypeVar("T")


class Pending(Generic[T]):
    """One answer that a coordinator owes.

    Args:
        to_response: shapes the coordinator's result.
    """

    def __init__(self, to_response: Callable[[T], Message]) -> None:
        self._to_response = to_response
        self._response: Message | None = None
        self._future: asyncio.Future[Message | None] | None = None

    def callback(self, result: T) -> None:
        """Take the result; a client that has gone away gets nothing."""
        self._response = self._to_response(result)
        if self._future is not None and not self._future.done():
            self._future.set_result(self._response)

    def result(self) -> HandlerResult:
        """What the handler returns."""
        if self._response is not None:
            return self._response
        self._future = asyncio.get_running_loop().create_future()
        return self._future
