"""Requests of web pages of other sites are refused; those of programs and of allowed pages are not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from kappaflow.server.control.web_access import WebAccess, allowed_origins

HOST = "127.0.0.1:8088"


def application(origins: str = "", host: str = "127.0.0.1") -> Starlette:
    async def answer(_request: Request) -> Response:
        return PlainTextResponse("answer")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    made = Starlette(routes=[Route("/ksql", answer, methods=["POST"]), WebSocketRoute("/ws", socket)])
    made.add_middleware(WebAccess, host=host, allowed_origins=allowed_origins(origins))
    return made


def post(headers: Mapping[str, str], origins: str = "", host: str = "127.0.0.1") -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(application(origins, host))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.post("/ksql", headers=headers)

    return asyncio.run(send())


def connect(headers: Mapping[str, str]) -> list[str]:
    """What a websocket is answered."""
    sent: list[str] = []
    messages = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    pairs = [(name.lower().encode(), value.encode()) for name, value in {"Host": HOST, **headers}.items()]
    scope = {"type": "websocket", "path": "/ws", "headers": pairs, "query_string": b"", "subprotocols": []}
    asyncio.run(application()(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8088"},
        {"Host": "127.0.0.1"},
        {"Host": "127.8.8.8:1"},
        {"Host": "[::1]:8088"},
        {"Host": "LocalHost:8088", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": f"http://{HOST}"},
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_own_pages_are_answered(headers: dict[str, str]) -> None:
    assert post(headers).text == "answer"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Origin": "http://evil.example"}, "Pages of http://evil.example may not"),
        ({"Origin": "null"}, "Pages of null may not"),
        ({"Origin": "http://127.0.0.1:9999"}, "Pages of http://127.0.0.1:9999 may not"),
        ({"Sec-Fetch-Site": "cross-site"}, "Pages of another site may not"),
        ({"Sec-Fetch-Site": "same-site"}, "Pages of another site may not"),
        ({"Host": "evil.example:8088"}, "not known as evil.example:8088"),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, "not known as evil.example"),
        ({"Host": "127.0.0.1.evil.example"}, "not known as"),
        ({"Host": "[::1"}, "not known as"),
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str], reason: str) -> None:
    answer = post(headers)
    assert answer.status_code == 403
    assert reason in answer.json()["message"]


def test_pages_that_the_property_names_are_answered() -> None:
    page = {"Origin": "http://console.example:3000"}
    assert post(page, "http://other.example, http://console.example:3000/").is_success
    assert post(page, "*").is_success
    assert not post(page, "http://console.example").is_success


def test_a_listener_is_known_by_its_own_address() -> None:
    assert post({"Host": "10.0.0.7:8088"}, host="10.0.0.7").is_success
    assert not post({"Host": "10.0.0.8:8088"}, host="10.0.0.7").is_success


def test_websockets_of_other_sites_are_refused() -> None:
    assert connect({}) == ["websocket.accept", "websocket.close"]
    assert connect({"Origin": "http://evil.example"}) == ["websocket.close"]
