"""One client connection's session: where it came in, who it is, what holds it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.broker.security.listeners import Listener
from kappaflow.broker.security.principals import ANONYMOUS, Principal
from kappaflow.broker.security.sasl import SaslAuthenticator


@dataclass(slots=True)
class ClientSession:
    """What is known of one connection.

    Attributes:
        listener: where it came in.
        host: the client's address with a slash in front, as group descriptions show it.
        certificate_principal: who the client's certificate says it is.
        sasl: its log-on, on listeners that have one.
        mute_ms: how long its next requests wait, because of a quota.
        ends: whether the connection is closed after the answer under way.
    """

    listener: Listener
    host: str
    certificate_principal: Principal = ANONYMOUS
    sasl: SaslAuthenticator | None = None
    mute_ms: int = 0
    ends: bool = field(default=False)

    @property
    def principal(self) -> Principal:
        """Who the client is."""
        if self.sasl is not None:
            return self.sasl.principal or ANONYMOUS
        return self.certificate_principal

    @property
    def address(self) -> str:
        """The client's address."""
        return self.host.removeprefix("/")
