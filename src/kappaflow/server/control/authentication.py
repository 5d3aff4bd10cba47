"""Lets in only who names a user and its password: HTTP's Basic scheme.

Workers of the same process tree name themselves by a word that only they were told.  Source: RFC 7617.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kappaflow.errors import ConfigError
from kappaflow.server.configuration import WORKERS_NAME
from kappaflow.server.control.errors import generic_error
from kappaflow.server.control.routes.requests import json_response
from kappaflow.server.users import NOBODY, StoredPassword, read_users

logger = logging.getLogger(__name__)
SKIPPED_PATHS = "authentication.skip.paths"
UNAUTHORIZED = 40100
WEBSOCKET_REFUSED = 1008
KNOWN_MAX = 10_000


class Users:
    """Checks passwords against a file, which is read again when it changes.

    Args:
        token: the word of the process tree's own workers.
    """

    def __init__(self, path: Path, token: str) -> None:
        self._path = path
        self._token = token
        self._version: tuple[int, int] | None = None
        self._users: dict[str, StoredPassword] = {}
        # Hashing takes a tenth of a second; what was right once is known by a hash that is made anew at each start.
        self._pepper = secrets.token_bytes(32)
        self._known: set[bytes] = set()
        self._refresh()

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if version != self._version:
                self._users = read_users(self._path)
                self._known.clear()
                self._version = version
        except (OSError, ConfigError) as error:
            if self._version is None:
                raise ConfigError(str(error)) from None
            logger.warning("The users stay as they were: %s", error)

    async def are(self, name: str, password: str) -> bool:
        """Tell whether there is such a user with this password."""
        if name == WORKERS_NAME:
            return bool(self._token) and hmac.compare_digest(password.encode(), self._token.encode())
        self._refresh()
        known = hashlib.blake2b(f"{name}:{password}".encode(), key=self._pepper).digest()
        if known in self._known:
            return True
        stored = self._users.get(name, NOBODY)
        if not await asyncio.to_thread(stored.matches, password):
            return False
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known.add(known)
        return True


class Authentication:
    """Answers requests of others than users with 401.

    Args:
        skipped: paths that need no user, such as those that a load balancer asks for health.
    """

    def __init__(self, application: ASGIApp, users: Users, skipped: Collection[str] = ()) -> None:
        self._application = application
        self._users = users
        self._skipped = frozenset(skipped)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a user sends."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in self._skipped:
            await self._application(scope, receive, send)
            return
        given = _credentials(Headers(scope=scope).get("authorization", ""))
        if given is not None and await self._users.are(*given):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED, "reason": "Unauthorized"})
        else:
            await _refusal(is_named=given is not None)(scope, receive, send)


def _refusal(*, is_named: bool) -> Response:
    problem = "The user or the password is wrong." if is_named else "This server wants a user and a password."
    answer = json_response(generic_error(UNAUTHORIZED, problem), 401)
    answer.headers["WWW-Authenticate"] = 'Basic realm="kappa", charset="UTF-8"'
    return answer


def _credentials(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, separator, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if separator else None


def skipped_paths(value: str) -> frozenset[str]:
    """Read the property: paths, separated by commas."""
    return frozenset(path.strip() for path in value.split(",") if path.strip())
