"""The formats by name: what each can hold, and the serde of each.

format     key  value  several columns  single columns            types
KAFKA      yes  yes    no               bare                      INTEGER BIGINT DOUBLE STRING BYTES
JSON       yes  yes    yes              bare keys; values either  all; MAP keys are STRING
JSON_SR    yes  yes    yes              bare keys; values either  all; MAP keys are STRING
AVRO       yes  yes    yes              bare keys; values either  all; names as Avro allows
PROTOBUF   yes  yes    yes              never bare                all; MAP keys are STRING
DELIMITED  yes  yes    yes              bare                      all but ARRAY, MAP, STRUCT
NONE       yes  no     -                -                         no columns at all
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kappaflow.errors import ConfigError
from kappaflow.serde import types as t
from kappaflow.serde.avro_schema import check_avro_names
from kappaflow.serde.delimited_format import DelimitedSerde, parse_delimiter
from kappaflow.serde.face import Serde
from kappaflow.serde.json_format import JsonSerde
from kappaflow.serde.kafka_format import KafkaSerde, NoneSerde
from kappaflow.serde.protobuf_schema import check_protobuf_names
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import SchemaRegistry


class SerdeFeature(Enum):
    """How a single column is written."""

    WRAP_SINGLES = "WRAP_SINGLES"
    UNWRAP_SINGLES = "UNWRAP_SINGLES"


@dataclass(frozen=True, slots=True)
class Format:
    """What a format can do.

    Attributes:
        name: as users write it.
        features: ways to write a single column that it supports.
        properties: the format properties that it takes.
        infers_schema: columns can come from a schema registry.
        joins_and_groups: its values can be joined and grouped.
    """

    name: str
    features: frozenset[SerdeFeature] = frozenset(SerdeFeature)
    properties: frozenset[str] = frozenset()
    infers_schema: bool = False
    joins_and_groups: bool = True


_UNWRAPPED = frozenset({SerdeFeature.UNWRAP_SINGLES})
_REGISTRY_PROPERTIES = frozenset({"fullSchemaName", "schemaId"})
FORMATS: Final[dict[str, Format]] = {
    f.name: f
    for f in (
        Format("KAFKA", features=_UNWRAPPED, joins_and_groups=False),
        Format("JSON"),
        Format("DELIMITED", features=_UNWRAPPED, properties=frozenset({"delimiter"})),
        Format("NONE", features=frozenset(), joins_and_groups=False),
        Format("AVRO", properties=_REGISTRY_PROPERTIES, infers_schema=True),
        Format("JSON_SR", properties=_REGISTRY_PROPERTIES, infers_schema=True),
        Format(
            "PROTOBUF",
            features=frozenset({SerdeFeature.WRAP_SINGLES}),
            properties=_REGISTRY_PROPERTIES | {"nullableRepresentation", "unwrapPrimitives"},
            infers_schema=True,
        ),
        Format("PROTOBUF_NOSR", properties=frozenset({"nullableRepresentation"})),
    )
}
_PRIMITIVES = (t.Integer, t.BigInt, t.Double, t.String, t.Bytes)
_NESTED = (t.Array, t.Map, t.Struct)


def find_format(name: str) -> Format:
    """Return the format that a statement names, in any case.

    Raises:
        ConfigError: there is none.
    """
    found = FORMATS.get(name.upper())
    if found is None:
        raise ConfigError(f"Unknown format: {name.upper()}")
    return found


def base_type(data_type: t.DataType) -> str:
    """Return the type's name without parameters."""
    return type(data_type).__name__.upper()


_NAME_CHECKS: dict[str, Callable[[Column], None]] = {
    "AVRO": check_avro_names,
    "PROTOBUF": check_protobuf_names,
    "PROTOBUF_NOSR": check_protobuf_names,
}


def schema_problem(format_name: str, columns: tuple[Column, ...]) -> str | None:
    """Return why the format cannot hold these columns, or None."""
    if format_name == "NONE" and columns:
        return f"The 'NONE' format can only be used when no columns are defined. Got: {_list(columns)}"
    if format_name == "KAFKA":
        if len(columns) > 1:
            return f"The 'KAFKA' format only supports a single field. Got: {_list(columns)}"
        return _first_unsupported(format_name, columns, lambda kind: isinstance(kind, _PRIMITIVES), False)
    if format_name == "DELIMITED":
        return _first_unsupported(format_name, columns, lambda kind: not isinstance(kind, _NESTED), True)
    if format_name != "AVRO" and any(_has_other_map_key(column.type) for column in columns):
        if format_name in {"JSON", "JSON_SR"}:
            return "JSON only supports MAP types with STRING keys"
        return "PROTOBUF format only supports MAP types with STRING keys"
    check_names = _NAME_CHECKS.get(format_name)
    if check_names is not None:
        try:
            for column in columns:
                check_names(column)
        except ConfigError as error:
            return str(error)
    return None


def _list(columns: tuple[Column, ...]) -> str:
    return "[" + ", ".join(map(str, columns)) + "]"


def _first_unsupported(
    format_name: str, columns: tuple[Column, ...], supports: object, names_column: bool
) -> str | None:
    for column in columns:
        if callable(supports) and not supports(column.type):
            where = f", column: `{column.name}`" if names_column else ""
            return f"The '{format_name}' format does not support type '{base_type(column.type)}'{where}"
    return None


def _has_other_map_key(data_type: t.DataType) -> bool:
    match data_type:
        case t.Map(key, value):
            return key != t.STRING or _has_other_map_key(value)
        case t.Array(element):
            return _has_other_map_key(element)
        case t.Struct(fields):
            return any(_has_other_map_key(f.type) for f in fields)
        case _:
            return False


def schema_message(format_name: str, columns: tuple[Column, ...], *, is_key: bool, features: str = "") -> str | None:
    """Return the whole message for columns that the format cannot hold, or None.

    Args:
        format_name: the format.
        columns: the key or value columns.
        is_key: for the wording.
        features: the serde features in force, as printed.
    """
    reason = schema_problem(format_name, columns)
    if reason is None:
        return None
    return (
        f"{'Key' if is_key else 'Value'} format does not support schema.\nformat: {format_name}\n"
        f"schema: Persistence{{columns={_list(columns)}, features=[{features}]}}\nreason: {reason}"
    )


def wrapping_problem(format_name: str, columns: tuple[Column, ...], *, wrap_single_value: bool) -> str | None:
    """Return why WRAP_SINGLE_VALUE cannot be set so, or None."""
    wanted = SerdeFeature.WRAP_SINGLES if wrap_single_value else SerdeFeature.UNWRAP_SINGLES
    if len(columns) != 1:
        return "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas"
    if wanted not in FORMATS[format_name].features:
        shown = str(wrap_single_value).lower()
        return f"Format '{format_name}' does not support 'WRAP_SINGLE_VALUE' set to '{shown}'."
    return None


def properties_problem(format_name: str, given: frozenset[str]) -> str | None:
    """Return which format properties do not belong to the format, or None."""
    unknown = sorted(given - FORMATS[format_name].properties)
    return f"{format_name} does not support the following configs: [{', '.join(unknown)}]" if unknown else None


def format_serde(
    format_name: str,
    columns: tuple[Column, ...],
    *,
    is_key: bool,
    unwrapped: bool = False,
    delimiter: str | None = None,
    topic: str = "",
    properties: Mapping[str, str] | None = None,
    registry: SchemaRegistry | None = None,
) -> Serde:
    """Return the serde of a format for the columns of a key or of a value.

    Args:
        format_name: one of `FORMATS`, in any case.
        columns: key or value columns in order.
        is_key: for messages.
        unwrapped: a single column is written bare instead of as a member of an object (JSON).
        delimiter: one character, TAB or SPACE (DELIMITED).
        topic: for messages, and for the subject under which a schema is registered.
        properties: schemaId, fullSchemaName and nullableRepresentation (formats with schemas).
        registry: holds schemas; asked when the first record is written or read.

    Raises:
        ConfigError: the format is unknown or cannot hold the columns.
    """
    found = find_format(format_name)
    message = schema_message(found.name, columns, is_key=is_key)
    if message is not None:
        raise ConfigError(message)
    if delimiter is not None and found.name != "DELIMITED":
        raise ConfigError(f"{found.name} does not support the following configs: [delimiter]")
    if found.name == "NONE" or (not columns and found.name == "KAFKA"):
        return NoneSerde()
    if found.name == "KAFKA":
        return KafkaSerde(columns, topic)
    if found.name == "DELIMITED":
        try:
            return DelimitedSerde(columns, parse_delimiter("," if delimiter is None else delimiter), topic)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    unwrapped = unwrapped and len(columns) == 1 and SerdeFeature.UNWRAP_SINGLES in found.features
    if found.name == "JSON":
        return JsonSerde(columns, is_key=is_key, unwrapped=unwrapped, topic=topic)
    # Only these need the libraries of their formats.
    from kappaflow.serde.registered_serde import registered_serde

    return registered_serde(
        found.name, columns, properties or {}, registry, topic=topic, is_key=is_key, unwrapped=unwrapped
    )
