"""The REST surface of the registry, as Confluent documents it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kappaflow.errors import KappaError
from kappaflow.server.registry.schema_log import TYPES, SchemaLog
from kappaflow.server.registry.subjects import (
    LEVELS,
    MODES,
    RegistryError,
    Version,
    number_of,
    schema_document,
    schema_of,
    version_document,
)

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
Answer = Any
Handler = Callable[[SchemaLog, Request, dict[str, Any]], Answer]


def _subjects(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    prefix = request.query_params.get("subjectPrefix", "")
    return [name for name in log.subjects.names(deleted=_flag(request, "deleted")) if name.startswith(prefix)]


def _versions(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    found = log.subjects.versions(_subject(request), deleted=_flag(request, "deleted"))
    return [each.entry.version for each in found]


def _version(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return version_document(_wanted(log, request).entry)


def _version_schema(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return Response(_wanted(log, request).entry.schema.text, media_type=CONTENT_TYPE)


def _referenced_by(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return log.subjects.referrers(_subject(request), _wanted(log, request).entry.version)


def _register(log: SchemaLog, request: Request, body: dict[str, Any]) -> Answer:
    schema_id, version = body.get("id"), body.get("version")
    schema_id = None if schema_id in {None, -1} else int(str(schema_id))
    version = None if version in {None, -1} else int(str(version))
    entry = log.add(_subject(request), _schema(body), schema_id, version)
    return {"id": entry.id}


def _look_up(log: SchemaLog, request: Request, body: dict[str, Any]) -> Answer:
    log.subjects.versions(_subject(request), deleted=_flag(request, "deleted"))
    found = log.subjects.find(_subject(request), _schema(body), deleted=_flag(request, "deleted"))
    if found is None:
        raise RegistryError(40403, "Schema not found")
    return version_document(found.entry)


def _delete_subject(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return log.remove_subject(_subject(request), permanent=_flag(request, "permanent"))


def _delete_version(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    permanent = _flag(request, "permanent")
    found = log.subjects.version(_subject(request), request.path_params["version"], deleted=permanent)
    if permanent and not found.deleted:
        raise RegistryError(
            40407,
            f"Subject '{found.entry.subject}' Version {found.entry.version} was not deleted first before being "
            "permanently deleted",
        )
    log.check_unused(found)
    log.remove(found, permanent=permanent)
    return found.entry.version


def _by_id(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return schema_document(log.subjects.schema(_id(request)))


def _text_by_id(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    return Response(log.subjects.schema(_id(request)).text, media_type=CONTENT_TYPE)


def _subjects_of_id(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    log.subjects.schema(_id(request))
    return [entry.subject for entry in log.subjects.uses(_id(request))]


def _versions_of_id(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    log.subjects.schema(_id(request))
    return [{"subject": e.subject, "version": e.version} for e in log.subjects.uses(_id(request))]


def _types(_log: SchemaLog, _request: Request, _body: dict[str, Any]) -> Answer:
    return list(TYPES)


def _is_compatible(log: SchemaLog, request: Request, body: dict[str, Any]) -> Answer:
    schema = log.checked(_schema(body))
    versions = None
    if "version" in request.path_params:
        versions = [_wanted(log, request)]
    found = log.differences(_subject(request), schema, versions)
    answer: dict[str, Any] = {"is_compatible": not found}
    return answer | {"messages": found} if _flag(request, "verbose") else answer


def _get_config(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    subject = request.path_params.get("subject")
    level = log.subjects.level(subject, inherit=subject is None or _flag(request, "defaultToGlobal"))
    if level is None:
        raise RegistryError(40408, f"Subject '{subject}' does not have subject-level compatibility configured")
    return {"compatibilityLevel": level}


def _put_config(log: SchemaLog, request: Request, body: dict[str, Any]) -> Answer:
    level = str(body.get("compatibility", "")).upper()
    if level not in LEVELS:
        raise RegistryError(42203, f"Invalid compatibility level. Valid values are {', '.join(LEVELS)}")
    log.write("CONFIG", {"subject": request.path_params.get("subject")}, {"compatibilityLevel": level})
    return {"compatibility": level}


def _delete_config(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    subject = request.path_params.get("subject")
    level = log.subjects.level(subject)
    log.write("CONFIG", {"subject": subject}, None)
    return {"compatibilityLevel": level}


def _get_mode(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    subject = request.path_params.get("subject")
    mode = log.subjects.mode(subject, inherit=subject is None or _flag(request, "defaultToGlobal"))
    if mode is None:
        raise RegistryError(40409, f"Subject '{subject}' does not have subject-level mode configured")
    return {"mode": mode}


def _put_mode(log: SchemaLog, request: Request, body: dict[str, Any]) -> Answer:
    mode = str(body.get("mode", "")).upper()
    if mode not in MODES:
        raise RegistryError(42204, f"Invalid mode. Valid values are {', '.join(MODES)}")
    log.write("MODE", {"subject": request.path_params.get("subject")}, {"mode": mode})
    return {"mode": mode}


def _delete_mode(log: SchemaLog, request: Request, _body: dict[str, Any]) -> Answer:
    subject = request.path_params.get("subject")
    mode = log.subjects.mode(subject)
    log.write("MODE", {"subject": subject}, None)
    return {"mode": mode}


def _root(_log: SchemaLog, _request: Request, _body: dict[str, Any]) -> Answer:
    return {}


# A subject may hold slashes, so the longer paths stand first.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", _root),
    ("GET", "/schemas/types", _types),
    ("GET", "/schemas/ids/{id}/schema", _text_by_id),
    ("GET", "/schemas/ids/{id}/subjects", _subjects_of_id),
    ("GET", "/schemas/ids/{id}/versions", _versions_of_id),
    ("GET", "/schemas/ids/{id}", _by_id),
    ("POST", "/compatibility/subjects/{subject:path}/versions/{version}", _is_compatible),
    ("POST", "/compatibility/subjects/{subject:path}/versions", _is_compatible),
    ("GET", "/subjects", _subjects),
    ("GET", "/subjects/{subject:path}/versions/{version}/schema", _version_schema),
    ("GET", "/subjects/{subject:path}/versions/{version}/referencedby", _referenced_by),
    ("GET", "/subjects/{subject:path}/versions/{version}", _version),
    ("DELETE", "/subjects/{subject:path}/versions/{version}", _delete_version),
    ("GET", "/subjects/{subject:path}/versions", _versions),
    ("POST", "/subjects/{subject:path}/versions", _register),
    ("POST", "/subjects/{subject:path}", _look_up),
    ("DELETE", "/subjects/{subject:path}", _delete_subject),
    ("GET", "/config", _get_config),
    ("PUT", "/config", _put_config),
    ("DELETE", "/config", _delete_config),
    ("GET", "/config/{subject:path}", _get_config),
    ("PUT", "/config/{subject:path}", _put_config),
    ("DELETE", "/config/{subject:path}", _delete_config),
    ("GET", "/mode", _get_mode),
    ("PUT", "/mode", _put_mode),
    ("GET", "/mode/{subject:path}", _get_mode),
    ("PUT", "/mode/{subject:path}", _put_mode),
    ("DELETE", "/mode/{subject:path}", _delete_mode),
)


def registry_application(log: SchemaLog) -> Starlette:
    """Return the registry as an ASGI application, to be mounted anywhere."""
    routes = [Route(path, _endpoint(log, handler), methods=[method]) for method, path, handler in _ROUTES]
    return Starlette(routes=routes)


def _endpoint(log: SchemaLog, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        data = await request.body()
        return await asyncio.to_thread(_answer, log, handler, request, data)

    return endpoint


def _answer(log: SchemaLog, handler: Handler, request: Request, data: bytes) -> Response:
    try:
        body = json.loads(data) if data.strip() else {}
        if not isinstance(body, dict):
            raise RegistryError(42201, "The request body must be a JSON object.")
        with log.lock:
            found = handler(log, request, body)
    except RegistryError as error:
        return _error(error.code, str(error))
    except json.JSONDecodeError as error:
        return _error(400, f"The request body is not JSON: {error}")
    except KappaError as error:
        return _error(50001, f"Error in the backend data store: {error}")
    return found if isinstance(found, Response) else _json(found, 200)


def _error(code: int, message: str) -> Response:
    return _json({"error_code": code, "message": message}, int(str(code)[:3]))


def _json(document: Any, status: int) -> Response:
    return Response(json.dumps(document, separators=(",", ":")), status, media_type=CONTENT_TYPE)


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])


def _id(request: Request) -> int:
    text = str(request.path_params["id"])
    number = number_of(text)
    if not number:
        raise RegistryError(40403, f"Schema {text} not found")
    return number


def _wanted(log: SchemaLog, request: Request) -> Version:
    deleted = _flag(request, "deleted")
    return log.subjects.version(_subject(request), str(request.path_params["version"]), deleted=deleted)


def _schema(body: dict[str, Any]) -> Any:
    if not isinstance(body.get("schema"), str):
        raise RegistryError(42201, "Empty schema")
    try:
        return schema_of(body)
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryError(42201, f"Invalid references: {error}") from None
