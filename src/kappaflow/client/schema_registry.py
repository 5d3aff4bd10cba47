"""A client of a Schema Registry over HTTP; schemas never change, so what was read is kept."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kappaflow.client import texts as _texts
from kappaflow.errors import ConfigError
from kappaflow.runtime.messages import message
from kappaflow.serde.schema_registry import Reference, RegisteredSchema, SchemaText

assert _texts

if TYPE_CHECKING:
    import httpx

URL_PROPERTY = "ksql.schema.registry.url"
_PREFIXES = ("ksql.schema.registry.", "schema.registry.")
_TIMEOUT_SECONDS = 10.0


class HttpSchemaRegistry:
    """Asks a registry by its REST surface.

    Args:
        url: where it is, or what tells where it is when it is first needed; several are tried in turn.
        auth: user and password, or None.
        trust: what checks the registry's certificate; None trusts the system's authorities.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        auth: tuple[str, str] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._trust = trust
        self._url = url
        self._auth = auth
        self._http: httpx.Client | None = None
        self._bases: list[str] = []
        self._by_id: dict[int, SchemaText] = {}
        self._ids: dict[tuple[str, SchemaText], int] = {}

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON answer, None for 404.

        Raises:
            ConfigError: the registry is not reached, or refuses.
        """
        import httpx  # takes as long as a tenth of a worker's start, and few need it

        if self._http is None:
            text = self._url if isinstance(self._url, str) else self._url()
            self._bases = [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
            is_secure = any(base.startswith("https:") for base in self._bases)
            self._http = httpx.Client(timeout=_TIMEOUT_SECONDS, auth=self._auth, verify=self._trust or is_secure)
        problem = "no URL is set"
        for base in self._bases:
            try:
                response = self._http.request(method, f"{base}{path}", json=body)
            except httpx.HTTPError as error:
                problem = f"{base}: {error}"
                continue
            if response.status_code == 404:
                return None
            if response.status_code >= 400:
                raise ConfigError(message("schema_registry.refused", base=base, reason=_message(response)))
            return response.json()
        raise ConfigError(message("schema_registry.unreachable", problem=problem, property=URL_PROPERTY))

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject, unless it is there, and return its id."""
        known = self._ids.get((subject, schema))
        if known is None:
            body: dict[str, Any] = {"schema": schema.text, "schemaType": schema.type}
            if schema.references:
                body["references"] = [
                    {"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references
                ]
            answer = self._request("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
            if answer is None:
                raise ConfigError(message("schema_registry.cannot_register", subject=subject))
            known = self._ids[(subject, schema)] = int(answer["id"])
        return known

    def by_id(self, schema_id: int) -> SchemaText | None:
        """Return the schema with this id, or None."""
        if schema_id not in self._by_id:
            answer = self._request("GET", f"/schemas/ids/{schema_id}")
            if answer is None:
                return None
            self._by_id[schema_id] = _schema(answer)
        return self._by_id[schema_id]

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest version of a subject, or None."""
        return self._version(subject, "latest")

    def version(self, subject: str, version: int) -> RegisteredSchema | None:
        """Return one version of a subject, or None."""
        return self._version(subject, str(version))

    def delete(self, subject: str) -> None:
        """Delete a subject with all of its versions; there need not be one."""
        self._request("DELETE", f"/subjects/{quote(subject, safe='')}")
        self._ids = {known: number for known, number in self._ids.items() if known[0] != subject}

    def _version(self, subject: str, version: str) -> RegisteredSchema | None:
        answer = self._request("GET", f"/subjects/{quote(subject, safe='')}/versions/{version}")
        if answer is None:
            return None
        return RegisteredSchema(subject, int(answer["version"]), int(answer["id"]), _schema(answer))


def registry_by_url(properties: Mapping[str, str]) -> HttpSchemaRegistry | None:
    """Return the client of the registry that the properties name, or None if they name none.

    Basic authentication: ``ksql.schema.registry.basic.auth.user.info`` as ``user:password``, or in the URL.
    """
    url = properties.get(URL_PROPERTY, "").strip()
    if not url:
        return None
    for prefix in _PREFIXES:
        info = properties.get(f"{prefix}basic.auth.user.info")
        if info:
            user, _, password = info.partition(":")
            return HttpSchemaRegistry(url, (user, password))
    return HttpSchemaRegistry(url)


def _schema(document: Mapping[str, Any]) -> SchemaText:
    references = tuple(
        Reference(str(r["name"]), str(r["subject"]), int(r["version"])) for r in document.get("references") or ()
    )
    return SchemaText(str(document.get("schemaType") or "AVRO"), str(document["schema"]), references)


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
