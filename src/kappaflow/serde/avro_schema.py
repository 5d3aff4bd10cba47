"""Avro schemas of columns, and the column types of Avro schemas.

column type        Avro                                      read back from
BOOLEAN            boolean
INTEGER            int
BIGINT             long
DOUBLE             double                                    float, double
DECIMAL(p, s)      bytes, logicalType decimal                precision 64 where it has none
STRING             string                                    string, enum
BYTES              bytes                                     bytes, fixed
DATE               int, logicalType date
TIME               int, logicalType time-millis
TIMESTAMP          long, logicalType timestamp-millis
ARRAY              array of nullable items
MAP                array of records of key and value         such arrays, and map
STRUCT             record named after its place              record; a union of several types

Everything below the top is ``["null", type]`` with default null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kappaflow.errors import ConfigError
from kappaflow.serde import types as t
from kappaflow.serde.schema import Column, names_within

Node = Any
DEFAULT_FULL_NAME: Final = "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema"
_DEFAULT_PRECISION: Final = 64
_CONNECT = "org.apache.kafka.connect.data."
_PLAIN: dict[type[t.DataType], Node] = {
    t.Boolean: "boolean",
    t.Integer: "int",
    t.BigInt: "long",
    t.Double: "double",
    t.String: "string",
    t.Bytes: "bytes",
    t.Date: {"type": "int", "connect.version": 1, "connect.name": f"{_CONNECT}Date", "logicalType": "date"},
    t.Time: {"type": "int", "connect.version": 1, "connect.name": f"{_CONNECT}Time", "logicalType": "time-millis"},
    t.Timestamp: {
        "type": "long",
        "connect.version": 1,
        "connect.name": f"{_CONNECT}Timestamp",
        "logicalType": "timestamp-millis",
    },
}
_TYPES: dict[str, t.DataType] = {
    "boolean": t.BOOLEAN,
    "int": t.INTEGER,
    "long": t.BIGINT,
    "float": t.DOUBLE,
    "double": t.DOUBLE,
    "string": t.STRING,
    "enum": t.STRING,
    "bytes": t.BYTES,
    "fixed": t.BYTES,
}
_LOGICAL: dict[str, t.DataType] = {"date": t.DATE, "time-millis": t.TIME, "timestamp-millis": t.TIMESTAMP}


def avro_schema(data_type: t.DataType, full_name: str) -> Node:
    """Return the Avro schema of a type; `full_name` names it if it is a record.

    Raises:
        ConfigError: a field's name is not possible in Avro.
    """
    match data_type:
        case t.Decimal(precision, scale):
            parameters = {"scale": str(scale), "connect.decimal.precision": str(precision)}
            return {
                "type": "bytes",
                "scale": scale,
                "precision": precision,
                "connect.version": 1,
                "connect.parameters": parameters,
                "connect.name": f"{_CONNECT}Decimal",
                "logicalType": "decimal",
            }
        case t.Array(element):
            return {"type": "array", "items": _nullable(element, full_name)}
        case t.Map(key, value):
            entry = _record(full_name, [("key", key, "MapKey"), ("value", value, "MapValue")])
            return {"type": "array", "items": entry | {"connect.internal.type": "MapEntry"}}
        case t.Struct(fields):
            return _record(full_name, [(f.name, f.type, f.name) for f in fields]) | {"connect.name": full_name}
        case _:
            return _PLAIN[type(data_type)]


def _nullable(data_type: t.DataType, full_name: str) -> Node:
    return ["null", avro_schema(data_type, full_name)]


def _record(full_name: str, fields: Sequence[tuple[str, t.DataType, str]]) -> dict[str, Node]:
    namespace, _, name = full_name.rpartition(".")
    record: dict[str, Node] = {"type": "record", "name": name}
    if namespace:
        record["namespace"] = namespace
    record["fields"] = [
        {"name": checked_name(field), "type": _nullable(data_type, f"{full_name}_{part}"), "default": None}
        for field, data_type, part in fields
    ]
    return record


def checked_name(name: str) -> str:
    """Return the name if Avro allows it.

    Raises:
        ConfigError: it does not.
    """
    if not name:
        raise ConfigError("Schema is not compatible with Avro: Empty name")
    if not (name[0].isalpha() or name[0] == "_"):
        raise ConfigError(f"Schema is not compatible with Avro: Illegal initial character: {name}")
    if not all(c.isalnum() or c == "_" for c in name):
        raise ConfigError(f"Schema is not compatible with Avro: Illegal character in: {name}")
    return name


def check_avro_names(column: Column) -> None:
    """Check the names of a column and of all fields within it.

    Raises:
        ConfigError: Avro does not allow one.
    """
    for name in names_within(column):
        checked_name(name)


def type_of_avro(node: Node, names: dict[str, Node] | None = None) -> t.DataType | None:
    """Return the column type of an Avro schema, or None if it has none.

    Args:
        node: the schema, as parsed JSON.
        names: named types seen so far, by name and by full name.
    """
    names = {} if names is None else names
    if isinstance(node, str):
        return _TYPES[node] if node in _TYPES else type_of_avro(names[node], names) if node in names else None
    if isinstance(node, list):
        return _type_of_union(node, names)
    kind = node["type"]
    if not isinstance(kind, str):
        return type_of_avro(kind, names)
    _remember(node, names)
    decimal = decimal_of_avro(node)
    if decimal is not None:
        return decimal
    if node.get("logicalType") in _LOGICAL:
        return _LOGICAL[node["logicalType"]]
    match kind:
        case "record" | "error":
            fields = [(f["name"], type_of_avro(f["type"], names)) for f in node["fields"]]
            return t.Struct(tuple(t.StructField(name, found) for name, found in fields if found is not None))
        case "array":
            return _type_of_array(node["items"], names)
        case "map":
            value = type_of_avro(node["values"], names)
            return None if value is None else t.Map(t.STRING, value)
        case _:
            return type_of_avro(kind, names)


def decimal_of_avro(node: Node) -> t.Decimal | None:
    """Return the DECIMAL that a type of bytes stands for; None where it stands for none."""
    if node.get("logicalType") != "decimal" or node["type"] not in ("bytes", "fixed"):
        return None
    return t.Decimal(int(node.get("precision", _DEFAULT_PRECISION)), int(node.get("scale", 0)))


def named_type(name: str, namespace: str, names: Mapping[str, Node]) -> Node | None:
    """Return the type that a name means within a namespace; None where it is a type of Avro's own."""
    return names.get(name) or names.get(f"{namespace}.{name}")


def _remember(node: Node, names: dict[str, Node]) -> None:
    if "name" in node:
        names[node["name"]] = node
        if node.get("namespace"):
            names[f"{node['namespace']}.{node['name']}"] = node


def _type_of_array(items: Node, names: dict[str, Node]) -> t.DataType | None:
    element = type_of_avro(items, names)
    if element is None:
        return None
    if is_map_entry(items) and isinstance(element, t.Struct) and len(element.fields) == 2:
        return t.Map(element.fields[0].type, element.fields[1].type)
    return t.Array(element)


def is_map_entry(items: Node) -> bool:
    """Tell whether an array's items are the entries of a map."""
    if not isinstance(items, dict):
        return False
    return bool(items.get("connect.internal.type") == "MapEntry" or items.get("name") == "MapEntry")


def _type_of_union(branches: list[Node], names: dict[str, Node]) -> t.DataType | None:
    others = [branch for branch in branches if branch != "null"]
    if len(others) == 1:
        return type_of_avro(others[0], names)
    fields = [(branch_name(branch), type_of_avro(branch, names)) for branch in others]
    return t.Struct(tuple(t.StructField(name, found) for name, found in fields if found is not None))


def branch_name(branch: Node) -> str:
    """Return the name of the struct field that stands for a branch of a union."""
    return branch if isinstance(branch, str) else str(branch.get("name") or branch["type"])
