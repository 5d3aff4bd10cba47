"""Keeps web pages of other sites away from a server on this machine.

A browser sends requests of any page to any address, this machine's own included, and marks them: ``Origin`` names the
page's site, ``Sec-Fetch-Site`` says how it is related, and ``Host`` names the address that the page believes it talks
to.  Programs send no ``Origin``; they are not affected.  Source: Fetch Standard, Origin header and metadata.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kappaflow.server.control.errors import FORBIDDEN, generic_error
from kappaflow.server.control.routes.requests import json_response

ALLOWED_ORIGINS = "ksql.access.control.allow.origin"
WEBSOCKET_REFUSED = 1008


class WebAccess:
    """Refuses requests of foreign web pages with 403.

    Args:
        host: the address that the server listens on; ``*`` where it may be called by any name.
        allowed_origins: sites whose pages may send requests, such as ``http://localhost:3000``; ``*`` allows all.
    """

    def __init__(self, application: ASGIApp, host: str, allowed_origins: Collection[str]) -> None:
        self._application = application
        self._host = host.strip("[]").lower()
        self._allowed = {origin.rstrip("/").lower() for origin in allowed_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a program or an allowed page sends."""
        reason = self._refusal(Headers(scope=scope)) if scope["type"] in {"http", "websocket"} else ""
        if not reason:
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED, "reason": reason[:120]})
        else:
            await json_response(generic_error(FORBIDDEN, reason), 403)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str:
        """Say why a request is refused; empty where it is not."""
        if "*" in self._allowed:
            return ""
        host, origin = headers.get("host", ""), headers.get("origin", "").lower()
        if origin in self._allowed:
            return ""
        if not self._is_ours(_name(host)):
            return f"This server is not known as {host}: use 127.0.0.1, localhost, or the address of --host."
        foreign = origin or ("another site" if headers.get("sec-fetch-site") in {"cross-site", "same-site"} else "")
        if foreign and urlsplit(origin).netloc != host.lower():
            return f"Pages of {foreign} may not send requests here. Allow them by the property {ALLOWED_ORIGINS}."
        return ""

    def _is_ours(self, name: str) -> bool:
        if name in {"localhost", self._host} or self._host == "*":
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False


def allowed_origins(value: str) -> frozenset[str]:
    """Read the property: origins, separated by commas."""
    return frozenset(origin.strip() for origin in value.split(",") if origin.strip())


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
