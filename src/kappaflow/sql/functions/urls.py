"""URLs: encoding, and their parts."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "URL"
_SAMPLE = "'https://example.com:8080/a/b?q=x%20y&r=1#top'"
# What stands unescaped in the parts of a URI; visible characters beyond ASCII may.
# Source: RFC 2396, as java.net.URI deviates from it.
_OTHER = r"[^\x00-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|%[0-9A-Fa-f]{2}"
_PLAIN = r"A-Za-z0-9_.!~*'()\-"
_PATH = rf"(?:[{_PLAIN}:@&=+$,;/]|{_OTHER})*"
_URIC = rf"(?:[{_PLAIN};/?:@&=+$,\[\]]|{_OTHER})*"
_NAME = re.compile(rf"(?:[{_PLAIN}$,;:@&=+]|{_OTHER})+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):|(?![^/?#]*:)")
_HIERARCHICAL = re.compile(rf"(?://([^/?#]*))?({_PATH})(?:\?({_URIC}))?(?:#({_URIC}))?")
_OPAQUE = re.compile(rf"(?!/)(?=[^#])({_URIC})(?:#({_URIC}))?")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# An authority that names a server; another one has neither host nor port. Source: RFC 2396, section 3.2.2.
_SERVER = re.compile(
    rf"(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|\d{{1,3}}(?:\.\d{{1,3}}){{3}}|(?:{_LABEL}\.)*(?=[A-Za-z]){_LABEL}\.?)(?::(\d*))?"
)
_PORT_MAX = 2**31 - 1


class _Url(NamedTuple):
    scheme: str | None
    host: str | None
    port: int | None
    path: str | None
    query: str | None
    fragment: str | None


def _parse(text: str) -> _Url:
    found = _SCHEME.match(text)
    if found is None:
        raise _invalid(text)
    scheme, rest = found[1], text[found.end() :]
    if scheme is not None and not rest.startswith("/"):
        opaque = _OPAQUE.fullmatch(rest)
        if opaque is None:
            raise _invalid(text)
        return _Url(scheme, None, None, None, None, opaque[2])  # as mailto: has it
    parts = _HIERARCHICAL.fullmatch(rest)
    if parts is None or rest == "//":
        raise _invalid(text)
    authority, path, query, fragment = parts.groups()
    host, port = _server(authority) if authority else (None, None)
    if authority and host is None and not _NAME.fullmatch(authority):
        raise _invalid(text)
    return _Url(scheme, host, port, path, query, fragment)


def _server(authority: str) -> tuple[str | None, int | None]:
    """Return host and port of an authority that names a server; another one has neither."""
    server = _SERVER.fullmatch(authority)
    port = int(server[2]) if server and server[2] else None
    if server is None or (port is not None and port > _PORT_MAX):
        return None, None
    return server[1], port


def _invalid(text: str) -> FunctionError:
    return FunctionError(f"URL input has invalid syntax: {text}")


def _decoded(text: str | None) -> str | None:
    """Decode percent escapes; plus signs stay."""
    return None if text is None else unquote_plus(text.replace("+", "%2B"))


_decode = scalar("url_decode_param", _CATEGORY, "A URL parameter, decoded.", ("URL_DECODE_PARAM('a%20b') -> 'a b'",))
_encode = scalar("url_encode_param", _CATEGORY, "A string as a URL parameter.", ("URL_ENCODE_PARAM('a b') -> 'a+b'",))
_fragment = scalar(
    "url_extract_fragment", _CATEGORY, "The part of a URL after '#'.", (f"URL_EXTRACT_FRAGMENT({_SAMPLE})",)
)
_host = scalar("url_extract_host", _CATEGORY, "The host of a URL.", (f"URL_EXTRACT_HOST({_SAMPLE})",))
_parameter = scalar(
    "url_extract_parameter",
    _CATEGORY,
    "The value of a parameter in the query of a URL.",
    (f"URL_EXTRACT_PARAMETER({_SAMPLE}, 'q')",),
)
_path = scalar("url_extract_path", _CATEGORY, "The path of a URL.", (f"URL_EXTRACT_PATH({_SAMPLE})",))
_port = scalar("url_extract_port", _CATEGORY, "The port of a URL.", (f"URL_EXTRACT_PORT({_SAMPLE})",))
_protocol = scalar("url_extract_protocol", _CATEGORY, "The protocol of a URL.", (f"URL_EXTRACT_PROTOCOL({_SAMPLE})",))
_query = scalar(
    "url_extract_query", _CATEGORY, "The part of a URL between '?' and '#'.", (f"URL_EXTRACT_QUERY({_SAMPLE})",)
)


@_decode("(input STRING) -> STRING")
def _decode_parameter(text: str) -> str:
    for found in re.finditer("%", text):
        if not re.match("[0-9A-Fa-f]{2}", text[found.end() : found.end() + 2]):
            raise FunctionError(f"url_decode udf encountered an encoding exception while decoding: {text}")
    return unquote_plus(text)


@_encode("(input STRING) -> STRING", total=True)
def _encode_parameter(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


@_fragment("(input STRING) -> STRING")
def _fragment_of(text: str) -> str | None:
    return _decoded(_parse(text).fragment)


@_host("(input STRING) -> STRING")
def _host_of(text: str) -> str | None:
    return _parse(text).host


@_parameter("(input STRING, parameter STRING) -> STRING")
def _parameter_of(text: str, name: str) -> str | None:
    """The query is decoded before it is cut, as in ksqlDB."""
    query = _decoded(_parse(text).query)
    if query is None:
        return None
    pairs = (part.partition("=") for part in query.split("&"))
    return next((value for key, _, value in pairs if key == name), None)


@_path("(input STRING) -> STRING")
def _path_of(text: str) -> str | None:
    return _decoded(_parse(text).path)


@_port("(input STRING) -> INT")
def _port_of(text: str) -> int | None:
    return _parse(text).port


@_protocol("(input STRING) -> STRING")
def _protocol_of(text: str) -> str | None:
    return _parse(text).scheme


@_query("(input STRING) -> STRING")
def _query_of(text: str) -> str | None:
    return _decoded(_parse(text).query)
