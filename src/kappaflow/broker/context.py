"""What a handler knows besides the request."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.broker.security.session import ClientSession

Response = Message | None
"""A response body; None where the request asks for no response."""

HandlerResult = Response | Awaitable[Response]
"""A handler answers at once, or later. Views of the request's bytes are valid only until it returns."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's surroundings.

    Attributes:
        broker: everything that the broker keeps.
        api_version: the version of the request body.
        client_id: the client's name for itself.
        session: its connection: listener, principal, log-on.
        api_key: the API.
    """

    broker: Broker
    api_version: int
    client_id: str
    session: ClientSession
    api_key: int = -1

    @property
    def client_host(self) -> str:
        """The client's address, as shown in group descriptions."""
        return self.session.host
