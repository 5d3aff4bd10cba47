"""Formats as planning uses them: named by WITH, checked against columns, bound to serdes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kappaflow.errors import ConfigError, StatementError
from kappaflow.serde.face import Serde
from kappaflow.serde.formats import (
    FORMATS,
    Format,
    SerdeFeature,
    find_format,
    format_serde,
    properties_problem,
    schema_message,
    wrapping_problem,
)
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import SchemaRegistry
from kappaflow.serde.types import Array, DataType, Map, Struct
from kappaflow.sql.metastore import FormatInfo
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.settings import Settings


def require_format(name: str, properties: Mapping[str, str]) -> FormatInfo:
    """Return the format called `name` with its properties.

    Raises:
        StatementError: there is no such format, or it does not take a property.
    """
    if name not in FORMATS:
        hint = did_you_mean(FORMATS, name) or f" Formats are {', '.join(FORMATS)}."
        raise StatementError(f"Unknown format: {name}.{hint}")
    problem = properties_problem(name, frozenset(properties))
    if problem is not None:
        raise StatementError(problem)
    if properties.get("fullSchemaName") == "":
        raise StatementError("fullSchemaName cannot be empty. Format configuration: {fullSchemaName=}")
    found = dict(properties)
    if name == "PROTOBUF":
        found["unwrapPrimitives"] = "true"
    if "nullableRepresentation" in found:
        found["nullableRepresentation"] = _nullable_representation(found["nullableRepresentation"])
    return FormatInfo(name, tuple(sorted(found.items())))


def _nullable_representation(text: str) -> str:
    if text.strip().lower() not in {"optional", "wrapper"}:
        raise StatementError(f"Invalid nullable representation '{text}'. Use OPTIONAL or WRAPPER.")
    return text.strip().lower()


def internal_format(info: FormatInfo) -> FormatInfo:
    """Return the format for topics and stores within a query: without what fixes the schema of the source."""
    return replace(info, properties=tuple(p for p in info.properties if p[0] not in _ABOUT_ONE_SCHEMA))


def logged_format(info: FormatInfo) -> FormatInfo:
    """Return the format for what stores log: with NULL told from zero and empty text, where the format can tell them.

    A table that comes back from its log has to be the table that was written there.
    """
    properties = dict(info.properties)
    if "nullableRepresentation" not in FORMATS[info.name].properties or "nullableRepresentation" in properties:
        return info
    return replace(info, properties=tuple(sorted({**properties, "nullableRepresentation": "optional"}.items())))


_ABOUT_ONE_SCHEMA = frozenset({"schemaId", "fullSchemaName"})


def traits_of(info: FormatInfo) -> Format:
    """Return what the format can do."""
    return FORMATS[info.name]


def check_available(*infos: FormatInfo) -> None:
    """Check that the formats can be read and written.

    Raises:
        StatementError: one is known but not available yet.
    """
    for info in infos:
        try:
            find_format(info.name)
        except ConfigError as error:
            raise StatementError(str(error)) from None


def with_wrapping(info: FormatInfo, columns: tuple[Column, ...], asked: bool | None, settings: Settings) -> FormatInfo:
    """Return the value format with the wrapping of a single value column decided.

    Args:
        info: the value format.
        columns: the value columns.
        asked: the WRAP_SINGLE_VALUE property, or None.
        settings: hold the default, ``ksql.persistence.wrap.single.values``.

    Raises:
        StatementError: the format cannot do what was asked, or there is more than one column.
    """
    if asked is not None:
        problem = wrapping_problem(info.name, columns, wrap_single_value=asked)
        if problem is not None:
            raise StatementError(problem)
        return replace(info, wrap_single=asked)
    default = settings.get("ksql.persistence.wrap.single.values").strip().lower()
    if len(columns) == 1 and default in {"true", "false"}:
        wanted = default == "true"
        feature = SerdeFeature.WRAP_SINGLES if wanted else SerdeFeature.UNWRAP_SINGLES
        if feature in FORMATS[info.name].features:
            return replace(info, wrap_single=wanted)
    return replace(info, wrap_single=None)


def features(info: FormatInfo) -> tuple[str, ...]:
    """Return the wrapping as it is called in schemas: WRAP_SINGLES, UNWRAP_SINGLES, or nothing."""
    if info.wrap_single is None:
        return ()
    return ("WRAP_SINGLES",) if info.wrap_single else ("UNWRAP_SINGLES",)


def check_key(info: FormatInfo, columns: tuple[Column, ...]) -> None:
    """Check that the key format can hold the key columns.

    Raises:
        StatementError: it cannot; the message says which column or why.
    """
    check_no_maps(columns)
    message = schema_message(info.name, columns, is_key=True)
    if message is not None:
        raise StatementError(message)


def check_no_maps(columns: tuple[Column, ...]) -> None:
    """Check that no key column holds a map: equal maps may differ in bytes.

    Raises:
        StatementError: one does.
    """
    for column in columns:
        if _holds_map(column.type):
            raise StatementError(
                "Map keys, including types that contain maps, are not supported as they may lead to unexpected "
                f"behavior due to inconsistent serialization. Key column name: `{column.name}`. Column type: "
                f"{column.type}. See https://github.com/confluentinc/ksql/issues/6621 for more."
            )


def check_value(info: FormatInfo, columns: tuple[Column, ...]) -> None:
    """Check that the value format can hold the value columns.

    Raises:
        StatementError: it cannot; the message says which column or why.
    """
    message = schema_message(info.name, columns, is_key=False, features=", ".join(features(info)))
    if message is not None:
        raise StatementError(message)


def key_serde(
    info: FormatInfo, columns: tuple[Column, ...], topic: str = "", registry: SchemaRegistry | None = None
) -> Serde:
    """Return the serde of the key columns (of the key within its window).

    Raises:
        ConfigError: the format is not available.
    """
    properties = dict(info.properties)
    return format_serde(
        info.name,
        columns,
        is_key=True,
        unwrapped=True,
        delimiter=properties.get("delimiter"),
        topic=topic,
        properties=properties,
        registry=registry,
    )


def value_serde(
    info: FormatInfo, columns: tuple[Column, ...], topic: str = "", registry: SchemaRegistry | None = None
) -> Serde:
    """Return the serde of the value columns.

    Raises:
        ConfigError: the format is not available.
    """
    properties = dict(info.properties)
    return format_serde(
        info.name,
        columns,
        is_key=False,
        unwrapped=info.wrap_single is False,
        delimiter=properties.get("delimiter"),
        topic=topic,
        properties=properties,
        registry=registry,
    )


def _holds_map(data_type: DataType) -> bool:
    match data_type:
        case Map():
            return True
        case Array(element):
            return _holds_map(element)
        case Struct(fields):
            return any(_holds_map(field.type) for field in fields)
        case _:
            return False
