"""The HTTP endpoint that Prometheus asks: ``/metrics``, and ``/alerts`` as JSON.

It gives what the last look saw and never asks the cluster itself, so that many who ask cost nothing. Beyond loopback it
wants a token.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kappaflow.errors import ConfigError, UnsafeError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.exposition import CONTENT_TYPE
from kappaflow.runtime.messages import message

assert _texts
SOCKET_TIMEOUT_S = 10
TOKEN_LENGTH_MIN = 16


def is_loopback(host: str) -> bool:
    """Whether a name or address stands for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class MetricsEndpoint:
    """Serves the last texts that it was given."""

    def __init__(self, host: str, port: int, token: str = "") -> None:
        """Listen; nothing is served before `publish`.

        Args:
            host: the address.
            port: 0 for any that is free.
            token: what askers have to send as ``Authorization: Bearer``; nobody is asked for it where it is empty.

        Raises:
            UnsafeError: the address is not loopback and there is no token, or it is too short to be one.
            ConfigError: the address cannot be used.
        """
        if not token and not is_loopback(host):
            raise UnsafeError(message("monitor.open_address", host=host))
        if token and len(token) < TOKEN_LENGTH_MIN:
            raise UnsafeError(message("monitor.short_token", length=TOKEN_LENGTH_MIN))
        self._texts = {"/metrics": ("", CONTENT_TYPE), "/alerts": ("[]", "application/json")}
        self._ready = False
        try:
            self._server = _server(host, port, _handler(self._answer, token))
        except OSError as error:
            raise ConfigError(message("monitor.no_address", host=host, port=port, reason=error.strerror)) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def publish(self, metrics: str, alerts: list[dict[str, Any]]) -> None:
        """Serve these from now on."""
        self._texts = {
            "/metrics": (metrics, CONTENT_TYPE),
            "/alerts": (json.dumps(alerts, ensure_ascii=False, indent=2) + "\n", "application/json"),
        }
        self._ready = True

    def _answer(self, path: str) -> tuple[HTTPStatus, str, str]:
        if path not in self._texts:
            return HTTPStatus.NOT_FOUND, "/metrics, /alerts\n", "text/plain"
        if not self._ready:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the first look is not done yet\n", "text/plain"
        return HTTPStatus.OK, *self._texts[path]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    return (_Server6 if ":" in host else _Server)((host, port), handler)


def _handler(answer: Callable[[str], tuple[HTTPStatus, str, str]], token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        timeout = SOCKET_TIMEOUT_S
        server_version = "kappa"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer, where the token is right."""
            given = self.headers.get("Authorization", "")
            if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                self._send(HTTPStatus.UNAUTHORIZED, "a token is needed\n", "text/plain")
            else:
                self._send(*answer(self.path.partition("?")[0]))

        def _send(self, status: HTTPStatus, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(status)
            if status == HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", "Bearer")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name is that of the base
            """Requests are no events."""

    return Handler
