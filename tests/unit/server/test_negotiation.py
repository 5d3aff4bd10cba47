"""Which media type an answer gets, and which bodies are read."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from kappaflow.errors import ServerError
from kappaflow.server.control.routes.negotiation import check_content_type, chosen_type

OFFERED = ("application/vnd.ksqlapi.delimited.v1", "application/json", "application/vnd.ksql.v1+json")


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", OFFERED[0]),
        ("*/*", OFFERED[0]),
        ("application/json", "application/json"),
        ("application/vnd.ksql.v1+json, application/json", OFFERED[2]),
        ("application/json;q=0.5, application/vnd.ksql.v1+json;q=0.9", OFFERED[2]),
        ("text/html, application/*;q=0.1", OFFERED[0]),
        ("APPLICATION/JSON", "application/json"),
    ],
)
def test_the_type_that_is_liked_best(accept: str, expected: str) -> None:
    assert chosen_type(request(accept=accept), OFFERED) == expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/json;q=x"])
def test_nothing_that_is_accepted(accept: str) -> None:
    with pytest.raises(ServerError) as refused:
        chosen_type(request(accept=accept), OFFERED)
    assert (refused.value.status, refused.value.error_code) == (406, 40600)


@pytest.mark.parametrize("given", ["", "application/json", "application/vnd.ksql.v1+json; charset=utf-8"])
def test_bodies_that_are_read(given: str) -> None:
    check_content_type(request(content_type=given) if given else request())


def test_bodies_that_are_not_read() -> None:
    with pytest.raises(ServerError) as refused:
        check_content_type(request(content_type="text/xml"))
    assert refused.value.status == 415
