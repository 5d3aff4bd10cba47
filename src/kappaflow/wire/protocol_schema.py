"""The protocol's structs as data: which fields, in which order, of which type, in which version.

The definitions are those of ``kio``; a version's module is imported the first time that version is used.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from importlib import import_module
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from kappaflow.wire.message import ZERO_UUID, Message

Direction = Literal["request", "response"]

REQUIRED = object()
"""Marks a field without a default."""

_KIND_OF = {
    "error_code": "int16",
    "timedelta_i32": "int32",
    "timedelta_i64": "int64",
    "datetime_i64": "int64",
}
_ZERO_OF: dict[str, object] = {"string": "", "bytes": b"", "records": None, "uuid": ZERO_UUID, "bool": False}


@dataclasses.dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field of a struct.

    Attributes:
        name: snake case name; durations in milliseconds end in ``_ms``.
        kind: ``int8`` .. ``int64``, ``uint16``, ``uint32``, ``float64``, ``bool``, ``string``, ``bytes``,
            ``records``, ``uuid`` or ``struct``.
        array: whether it is an array of `kind`.
        nullable: whether null is allowed.
        tag: the tag of a tagged field.
        default: the value where absent, or ``REQUIRED``.
        struct: the nested schema where `kind` is ``struct``.
    """

    name: str
    kind: str
    array: bool
    nullable: bool
    tag: int | None
    default: object
    struct: StructSchema | None

    def absent_value(self) -> object:
        """The value of this field in a version that does not have it."""
        if self.default is not REQUIRED:
            return self.default
        if self.array:
            return ()
        if self.nullable:
            return None
        return _ZERO_OF.get(self.kind, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class StructSchema:
    """One struct of one version."""

    name: str
    flexible: bool
    fields: tuple[FieldSchema, ...]


@contextmanager
def _without_hypothesis() -> Generator[None]:
    """Keep kio from loading the property-testing library where it is installed: 2 s and 60 MB."""
    hidden = [name for name in ("hypothesis", "hypothesis.strategies") if name not in sys.modules]
    hidden = hidden if "hypothesis" in hidden else []
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def import_kio(name: str) -> ModuleType:
    """Import a module of kio, without what it loads only for tests."""
    with _without_hypothesis():
        return import_module(name)


@cache
def api_package_name(api_key: int) -> str:
    """The package of an API in kio, such as ``list_offsets``."""
    return import_kio("kio.schema.index").api_key_map[api_key]


@cache
def entity_class(api_key: int, version: int, direction: Direction) -> Any:
    """kio's class of a request or response body."""
    package = api_package_name(api_key)
    module = import_kio(f"kio.schema.{package}.v{version}.{direction}")
    kind = module.EntityType.request if direction == "request" else module.EntityType.response
    for value in vars(module).values():
        if dataclasses.is_dataclass(value) and getattr(value, "__type__", None) is kind:
            return value
    raise LookupError(f"{module.__name__} defines no {direction}")


def body_schema(api_key: int, version: int, direction: Direction) -> StructSchema:
    """The schema of a request or response body.

    Raises:
        LookupError: the API has no such version.
    """
    try:
        return struct_schema(entity_class(api_key, version, direction))
    except ModuleNotFoundError as error:
        raise LookupError(f"API key {api_key} has no version {version}") from error


@cache
def struct_schema(entity: Any) -> StructSchema:
    """The schema of one of kio's classes."""
    fields = tuple(_field_schema(field) for field in dataclasses.fields(entity))
    return StructSchema(entity.__name__, entity.__flexible__, fields)


def _field_schema(field: dataclasses.Field[Any]) -> FieldSchema:
    inner, nullable, array = _unwrap(field.type)
    kafka_type: str = field.metadata.get("kafka_type", "struct")
    name = field.name
    if kafka_type.startswith(("timedelta", "datetime")) and not name.endswith("_ms"):
        name += "_ms"
    if kafka_type in ("uuid", "datetime_i64"):
        nullable = False
    struct = struct_schema(inner) if dataclasses.is_dataclass(inner) else None
    return FieldSchema(
        name=name,
        kind=_KIND_OF.get(kafka_type, kafka_type),
        array=array,
        nullable=nullable,
        tag=field.metadata.get("tag"),
        default=_default(field, kafka_type, array),
        struct=struct,
    )


def _unwrap(annotation: Any) -> tuple[Any, bool, bool]:
    """Split an annotation into (inner type, nullable, array)."""
    nullable = array = False
    if get_origin(annotation) is UnionType:
        nullable = True
        (annotation,) = (arm for arm in get_args(annotation) if arm is not NoneType)
    if get_origin(annotation) is tuple:
        array = True
        annotation = get_args(annotation)[0]
        if get_origin(annotation) is UnionType:
            (annotation,) = (arm for arm in get_args(annotation) if arm is not NoneType)
    return annotation, nullable, array


def _default(field: dataclasses.Field[Any], kafka_type: str, array: bool) -> object:
    if field.default is dataclasses.MISSING:
        return REQUIRED
    return _plain(field.default, kafka_type, array)


def _plain(value: Any, kafka_type: str, array: bool) -> object:
    if array:
        return value
    if kafka_type == "uuid":
        return value or ZERO_UUID
    if kafka_type == "datetime_i64":
        return -1 if value is None else int(value.timestamp() * 1000)
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if kafka_type == "struct" and value is not None:
        values = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return Message(
            **{_field_schema(f).name: _plain(v, f.metadata.get("kafka_type", "struct"), False) for f, v in values}
        )
    if isinstance(value, bool) or value is None or isinstance(value, str | bytes):
        return value
    return int(value)
