"""Which of the offered media types an answer is written in, and which bodies are read.

Source: RFC 9110, 12.5.1 Accept and 15.5.16 Unsupported Media Type.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from kappaflow.errors import ServerError

READ = (
    "application/vnd.ksql.v1+json",
    "application/json",
    "application/vnd.ksqlapi.delimited.v1",
    "application/x-www-form-urlencoded",  # what curl says of a body when it is told nothing
)
NOT_ACCEPTABLE = 40600
UNSUPPORTED_MEDIA_TYPE = 41500


def check_content_type(request: Request) -> None:
    """Refuse a body that says it is something else than JSON; one that says nothing is taken as JSON.

    Raises:
        ServerError: 415.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given and given not in READ and not given.endswith("/*"):
        raise ServerError(
            f"The body is {given}; this endpoint reads {', '.join(READ[:2])}.", 415, UNSUPPORTED_MEDIA_TYPE
        )


def chosen_type(request: Request, offered: Sequence[str]) -> str:
    """Return the offered type that the Accept header likes best; without one the first.

    Raises:
        ServerError: 406, none of them is accepted.
    """
    accept = request.headers.get("accept", "").strip()
    if not accept:
        return offered[0]
    ranked: list[tuple[float, int, int, str]] = []
    for place, (wanted, weight) in enumerate(_wanted(accept)):
        for order, media_type in enumerate(offered):
            if weight > 0 and _covers(wanted, media_type):
                ranked.append((-weight, place, order, media_type))
    if not ranked:
        raise ServerError(
            f"None of the types that the request accepts ({accept}) is available here; there are {', '.join(offered)}.",
            406,
            NOT_ACCEPTABLE,
        )
    return min(ranked)[3]


def _wanted(accept: str) -> list[tuple[str, float]]:
    """Split an Accept header into types and their weights."""
    found: list[tuple[str, float]] = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if media_type:
            found.append((media_type.lower(), weight))
    return found


def _covers(wanted: str, media_type: str) -> bool:
    if wanted in {"*", "*/*", media_type}:
        return True
    return wanted.endswith("/*") and media_type.startswith(wanted[:-1])
