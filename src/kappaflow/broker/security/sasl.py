"""SASL on one connection: handshake, tokens, and what may be asked in which state.

    HANDSHAKE --SaslHandshake--> AUTHENTICATE --proof--> COMPLETE --SaslHandshake--> AUTHENTICATE (again)
        |                             |                      |
        +-- any other request,        +-- wrong proof        +-- time is over
            unknown mechanism               |                      |
                        +------------------ FAILED <---------------+

Source: KIP-43 (mechanisms), KIP-152 (SaslAuthenticate), KIP-368 (re-authentication).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from kappaflow.broker.security.credentials import UserCredentials
from kappaflow.broker.security.principals import Principal
from kappaflow.broker.security.scram import (
    SCRAM_MECHANISMS,
    AuthenticationFailed,
    ScramServer,
    password_matches,
    stranger_credential,
)
from kappaflow.wire.error_codes import ErrorCode

SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36


class SaslState(Enum):
    """Where a connection is."""

    HANDSHAKE = "handshake"
    AUTHENTICATE = "authenticate"
    COMPLETE = "complete"
    FAILED = "failed"


ALLOWED_APIS: dict[SaslState, frozenset[int] | None] = {
    SaslState.HANDSHAKE: frozenset({SASL_HANDSHAKE, API_VERSIONS}),
    SaslState.AUTHENTICATE: frozenset({SASL_AUTHENTICATE}),
    SaslState.COMPLETE: None,
    SaslState.FAILED: frozenset(),
}
"""The requests of each state; None allows all."""


class IllegalSaslRequest(Exception):
    """A request that the state of the log-on does not allow; the connection is closed."""


class SaslAuthenticator:
    """The log-on of one connection.

    Args:
        users: who is known.
        mechanisms: which mechanisms the listener has.
        max_reauth_ms: how long a log-on lasts; 0 for as long as the connection.
        now_ms: the time.

    Attributes:
        state: where it is.
        principal: who the client is, once complete.
        takes_raw_tokens: whether tokens come without a request around them, as after the oldest handshake.
    """

    def __init__(
        self,
        users: UserCredentials,
        mechanisms: tuple[str, ...],
        max_reauth_ms: int,
        now_ms: Callable[[], int],
    ) -> None:
        self.state = SaslState.HANDSHAKE
        self.principal: Principal | None = None
        self.takes_raw_tokens = False
        self.mechanisms = mechanisms
        self._users = users
        self._max_reauth_ms = max_reauth_ms
        self._now_ms = now_ms
        self._expires_ms: int | None = None
        self._mechanism = ""
        self._scram: ScramServer | None = None

    @property
    def mechanism(self) -> str:
        """The mechanism of the handshake."""
        return self._mechanism

    def check(self, api_key: int) -> None:
        """Refuse a request that does not belong here.

        Raises:
            IllegalSaslRequest: the connection must be closed.
        """
        allowed = ALLOWED_APIS[self.state]
        if allowed is None:
            if self._expires_ms is None or api_key in (SASL_HANDSHAKE, API_VERSIONS):
                return
            if self._now_ms() <= self._expires_ms:
                return
            self.state = SaslState.FAILED
            raise IllegalSaslRequest("the session has expired; the client did not authenticate again in time")
        if api_key not in allowed:
            raise IllegalSaslRequest(f"a request of API key {api_key} before the client was authenticated")

    def handshake(self, mechanism: str, version: int) -> ErrorCode:
        """Choose the mechanism."""
        if self.state is SaslState.COMPLETE:
            if not self._max_reauth_ms:
                return ErrorCode.ILLEGAL_SASL_STATE
            if mechanism != self._mechanism:
                # KIP-368: who logs on again does so by the same mechanism.
                self.state = SaslState.FAILED
                return ErrorCode.UNSUPPORTED_SASL_MECHANISM
        elif mechanism not in self.mechanisms:
            self.state = SaslState.FAILED
            return ErrorCode.UNSUPPORTED_SASL_MECHANISM
        self._mechanism = mechanism
        self.takes_raw_tokens = version == 0
        scram = SCRAM_MECHANISMS.get(mechanism)
        self._scram = ScramServer(scram, lambda user: self._users.find(user, scram)) if scram else None
        self.state = SaslState.AUTHENTICATE
        return ErrorCode.NONE

    async def authenticate(self, token: bytes) -> bytes:
        """The answer to a token; afterwards `state` says whether it was the last.

        Raises:
            AuthenticationFailed: the text may be shown to the client.
        """
        try:
            if self._scram is None:
                user, answer = await self._plain(token), b""
            else:
                answer = self._scram.respond(token)
                if not self._scram.is_complete:
                    return answer
                user = self._scram.user
            self._complete(Principal("User", user))
        except AuthenticationFailed:
            self.state = SaslState.FAILED
            raise
        return answer

    @property
    def session_lifetime_ms(self) -> int:
        """How long the client may go on before it authenticates again; 0 for ever, or not authenticated yet."""
        return self._max_reauth_ms if self.state is SaslState.COMPLETE else 0

    def _complete(self, principal: Principal) -> None:
        if self.principal is not None and principal != self.principal:
            raise AuthenticationFailed(f"Cannot change principals during re-authentication from {self.principal}")
        self.principal = principal
        self.takes_raw_tokens = False
        self._scram = None
        self._expires_ms = self._now_ms() + self._max_reauth_ms if self._max_reauth_ms else None
        self.state = SaslState.COMPLETE

    async def _plain(self, token: bytes) -> str:
        """Check a name and a password (RFC 4616)."""
        try:
            authorization, user, password = token.decode().split("\0")
        except ValueError:
            raise AuthenticationFailed("Invalid SASL/PLAIN response: expected 3 tokens") from None
        if not user or not password:
            raise AuthenticationFailed("Authentication failed: username or password not specified")
        if authorization and authorization != user:
            raise AuthenticationFailed(
                "Authentication failed: Client requested an authorization id that is different from username"
            )
        held = self._users.of_user(user)
        name = next(iter(held), "SCRAM-SHA-256")
        mechanism = SCRAM_MECHANISMS[name]
        credential = held.get(name) or stranger_credential(mechanism, user)
        # Hashing takes milliseconds: not on the event loop.
        if not await asyncio.to_thread(password_matches, mechanism, credential, password):
            raise AuthenticationFailed("Authentication failed: Invalid username or password")
        return user
