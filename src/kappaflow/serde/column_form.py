"""The column form on the native kernel: the usual records natively, the doubtful ones by the row form.

native kernel -> arrays, rows with a value, doubtful rows
columns it has no type for (ARRAY, MAP, STRUCT, wide DECIMAL) come as JSON text and are read here
doubtful row -> Serde.deserialize -> a patch, or an error with its message
columns -> native kernel -> records; a row that it leaves -> Serde.serialize
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kappaflow.errors import SerializationError
from kappaflow.kernel import _native
from kappaflow.kernel.json_read import read_json
from kappaflow.serde import types as t
from kappaflow.serde.arrow import array_to_values, arrays_to_rows, arrow_type, values_to_array
from kappaflow.serde.avro_codec import AvroCodec
from kappaflow.serde.avro_plan import avro_steps
from kappaflow.serde.avro_write_plan import avro_write_steps
from kappaflow.serde.coercion import CoercionError, coercion
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde
from kappaflow.serde.json_format import JsonSerde
from kappaflow.serde.protobuf_codec import ProtobufCodec
from kappaflow.serde.protobuf_plan import protobuf_steps
from kappaflow.serde.protobuf_write_plan import protobuf_write_steps
from kappaflow.serde.record_plan import Unplannable
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_codec import SchemaCodec
from kappaflow.serde.wire_format import HEADER_BYTES

Int64s = npt.NDArray[np.int64]
TypeSpec = tuple[str, list[str], list[Any]]
NativeColumns = tuple[list[Any], Any, Any]

_TEXTS = (pa.string(), pa.large_string(), pa.string_view())
_BINARIES = (pa.binary(), pa.large_binary(), pa.binary_view())


def is_raw(data_type: t.DataType) -> bool:
    """Whether the native kernel has no type for this one."""
    match data_type:
        case t.Decimal(precision, _):
            return precision > 38
        case t.Array(element):
            return is_raw(element)
        case t.Map(key, value):
            return key != t.STRING or is_raw(value)
        case t.Struct(fields):
            return not fields or any(is_raw(f.type) for f in fields)
        case _:
            return False


def type_spec(data_type: t.DataType) -> TypeSpec:
    """Describe a type to the native kernel: its name, the names of its fields, its inner types."""
    if is_raw(data_type):
        return ("RAW", [], [])
    match data_type:
        case t.Array(element):
            return ("ARRAY", [], [type_spec(element)])
        case t.Map(_, value):
            return ("MAP", [], [type_spec(value)])
        case t.Struct(fields):
            return ("STRUCT", [f.name for f in fields], [type_spec(f.type) for f in fields])
        case _:
            return (str(data_type), [], [])


class Layout(NamedTuple):
    """What the native kernel is told about the columns of a serde.

    Attributes:
        names: of the columns.
        types: as `type_spec` describes them.
        raw: true where the kernel has no type and passes JSON text on.
    """

    names: list[str]
    types: list[TypeSpec]
    raw: list[bool]


@functools.lru_cache(maxsize=1024)
def layout_of(serde: Serde) -> Layout:
    """Describe the columns of a serde; once, because small batches come often."""
    columns = serde.columns
    return Layout([c.name for c in columns], [type_spec(c.type) for c in columns], [is_raw(c.type) for c in columns])


def keep_flags(serde: Serde, projection: Sequence[int] | None) -> list[bool]:
    """Return which columns are wanted."""
    wanted = range(len(serde.columns)) if projection is None else set(projection)
    return [position in wanted for position in range(len(serde.columns))]


def finish(serde: Serde, data: ArrowArray, projection: Sequence[int] | None, found: NativeColumns) -> Decoded:
    """Decide the doubtful rows and put the columns in the order of the projection.

    Args:
        serde: the row form.
        data: the records.
        projection: positions of the wanted columns; None for all.
        found: what the native kernel returned.
    """
    arrays, valid_bytes, doubt_bytes = found
    valid: Mask = np.frombuffer(valid_bytes, np.bool_)
    doubts: list[int] = np.frombuffer(doubt_bytes, np.int64).tolist()
    wanted = list(range(len(serde.columns))) if projection is None else list(projection)
    broken = _read_raw(serde, arrays, set(wanted))
    decoded = Decoded([arrays[i] for i in wanted], valid)
    if doubts or broken:
        _decide(serde, data, decoded, wanted, sorted({*doubts, *broken}))
    decoded.valid = None if decoded.valid is None or bool(decoded.valid.all()) else decoded.valid
    return decoded


def _read_raw(serde: Serde, arrays: list[Any], wanted: set[int]) -> set[int]:
    """Convert the columns that came as JSON text, in place; return the rows where that fails."""
    broken: set[int] = set()
    for position, is_text in enumerate(layout_of(serde).raw):
        if not is_text or arrays[position] is None:
            continue
        column = serde.columns[position]
        convert = coercion(column.type)
        values: list[Any] = []
        for row, text in enumerate(arrays[position].cast(pa.binary()).to_pylist()):
            try:
                values.append(None if text is None else convert(read_json(text)))
            except CoercionError:
                values.append(None)
                broken.add(row)
        if position in wanted:
            arrays[position] = values_to_array(values, column.type)
    return broken


def _decide(serde: Serde, data: ArrowArray, decoded: Decoded, wanted: list[int], doubtful: list[int]) -> None:
    rows: list[Row | None] = []
    valid = np.array(decoded.valid)
    for position in doubtful:
        row: Row | None = None
        try:
            row = serde.deserialize(data[position].as_py())
        except SerializationError as error:
            decoded.messages[position] = str(error)
        rows.append(row)
        valid[position] = row is not None
    decoded.valid = valid
    size = len(valid)
    order = np.arange(size)
    order[doubtful] = size + np.arange(len(doubtful))
    for index, column in enumerate(wanted):
        patch = values_to_array([r if r is None else r[column] for r in rows], serde.columns[column].type)
        decoded.columns[index] = pa.concat_arrays([decoded.columns[index], patch]).take(pa.array(order))
    if decoded.messages:
        errors = np.zeros(size, dtype=np.bool_)
        errors[list(decoded.messages)] = True
        decoded.errors = errors


def fitted(array: ArrowArray, data_type: t.DataType) -> ArrowArray:
    """Return the array in a layout that the native kernel writes as `data_type`."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    expected = arrow_type(data_type)
    is_nested = isinstance(data_type, t.Array | t.Map | t.Struct)
    if (
        (array.type == expected and not is_nested)
        or (expected == pa.string() and array.type in _TEXTS)
        or (expected == pa.binary() and array.type in _BINARIES)
    ):
        return array
    if is_nested:
        expected = arrow_type(data_type, temporal_as_int=True)
    return array if array.type == expected else array.cast(expected)


def mask_bytes(valid: Mask | None) -> object | None:
    """Return a mask as the bytes that the native kernel takes."""
    return None if valid is None else np.ascontiguousarray(valid, dtype=np.bool_).view(np.uint8)


def json_decode(serde: Serde, data: ArrowArray, projection: Sequence[int] | None, *, unwrapped: bool) -> Decoded:
    """Decode JSON documents."""
    names, types, _ = layout_of(serde)
    found = _native.json_decode(data, names, types, keep_flags(serde, projection), unwrapped)
    return finish(serde, data, projection, found)


def json_encode(
    serde: Serde,
    columns: Sequence[ArrowArray],
    prefixes: list[bytes],
    writers: Sequence[Any],
    valid: Mask | None,
    length: int,
    *,
    unwrapped: bool,
    header: bytes = b"",
) -> ArrowArray:
    """Encode JSON documents.

    Args:
        serde: whose columns they are.
        columns: the arrays.
        prefixes: what stands before each value.
        writers: per column the function from a value to its text, for types that are not native.
        valid: false where there is no document.
        length: number of rows where there are no columns.
        unwrapped: the document is the single value.
        header: stands before every document.
    """
    raw = layout_of(serde).raw
    arrays: list[ArrowArray] = []
    for array, column, as_text, write in zip(columns, serde.columns, raw, writers, strict=True):
        if as_text:
            values = array_to_values(array, column.type)
            arrays.append(pa.array([None if v is None else write(v) for v in values], type=pa.string()))
        else:
            arrays.append(fitted(array, column.type))
    return _native.json_encode(arrays, prefixes, raw, mask_bytes(valid), length, unwrapped, header)


def plan_of(codec: SchemaCodec, columns: Sequence[Column], *, is_bare: bool) -> Any | None:
    """Return how the native kernel reads records of a schema into columns, or None where the row form has to.

    Args:
        codec: of the schema.
        columns: of the serde.
        is_bare: a record is the value of the only column.
    """
    struct = t.Struct(tuple(t.StructField(column.name, column.type) for column in columns))
    if any(is_raw(column.type) for column in columns):
        return None
    try:
        if isinstance(codec, AvroCodec):
            wanted = columns[0].type if is_bare else struct
            return _native.RecordPlan("AVRO", avro_steps(codec.node, codec.names, wanted), b"")
        if isinstance(codec, ProtobufCodec):
            return _native.RecordPlan("PROTOBUF", protobuf_steps(codec.message, struct), codec.prefix)
    except Unplannable:
        pass
    return None


def write_plan_of(codec: SchemaCodec, columns: Sequence[Column], header: bytes, *, is_bare: bool) -> Any | None:
    """Return how the native kernel writes columns as records of a schema, or None where the row form has to.

    Args:
        codec: of the schema.
        columns: of the serde.
        header: what records start with.
        is_bare: a record is the value of the only column.
    """
    struct = t.Struct(tuple(t.StructField(column.name, column.type) for column in columns))
    if any(is_raw(column.type) for column in columns):
        return None
    try:
        if isinstance(codec, AvroCodec):
            source = columns[0].type if is_bare else struct
            return _native.WritePlan("AVRO", avro_write_steps(codec.node, codec.names, source), header)
        if isinstance(codec, ProtobufCodec):
            steps = protobuf_write_steps(codec.message, struct)
            return _native.WritePlan("PROTOBUF", steps, header + codec.prefix)
    except Unplannable:
        pass
    return None


def schema_ids(data: ArrowArray) -> list[int]:
    """Return the schema ids that records of a column start with, each once."""
    return _native.schema_ids(data)


def schema_decode(
    serde: Serde,
    data: ArrowArray,
    projection: Sequence[int] | None,
    plans: Sequence[tuple[int, Any]],
    *,
    is_bare: bool,
    is_framed: bool,
) -> Decoded:
    """Decode records of registered schemas.

    Args:
        serde: the row form.
        data: the records.
        projection: positions of the wanted columns; None for all.
        plans: by schema id; records of other schemas are read by the row form.
        is_bare: a record is the value of the only column.
        is_framed: records start with the id of their schema; otherwise the only plan is that of all.
    """
    keep = keep_flags(serde, projection)
    found = _native.schema_decode(data, list(plans), layout_of(serde).types, keep, is_bare, is_framed)
    return finish(serde, data, projection, found)


def schema_encode(
    serde: Serde,
    columns: Sequence[ArrowArray],
    plan: Any,
    valid: Mask | None,
    length: int,
    *,
    unwrapped: bool,
    is_bare: bool,
) -> ArrowArray:
    """Encode records of a registered schema.

    Args:
        serde: the row form.
        columns: the arrays.
        plan: of `write_plan_of`.
        valid: false where there is no record.
        length: number of rows where there are no columns.
        unwrapped: a null in the only column is no record.
        is_bare: a record is the value of the only column.

    Raises:
        SerializationError: a row cannot be written.
    """
    arrays = [fitted(array, column.type) for array, column in zip(columns, serde.columns, strict=True)]
    encoded, doubt_bytes = _native.schema_encode(arrays, plan, mask_bytes(valid), length, unwrapped, is_bare)
    doubts = np.frombuffer(doubt_bytes, np.int64)
    if not len(doubts):
        return encoded
    chosen = [_taken(array, pa.array(doubts)) for array in columns]
    rows = arrays_to_rows(chosen, [column.type for column in serde.columns], len(doubts))
    patch = pa.array([serde.serialize(row) for row in rows], type=pa.binary())
    order = np.arange(len(encoded))
    order[doubts] = len(encoded) + np.arange(len(doubts))
    return pa.concat_arrays([encoded, patch]).take(pa.array(order))


def _taken(array: ArrowArray, rows: ArrowArray) -> ArrowArray:
    # Views cannot be taken from.
    plain = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(array.type)
    return (array if plain is None else array.cast(plain)).take(rows)


def json_behind_header(serde: Serde, inner: JsonSerde, data: ArrowArray, projection: Sequence[int] | None) -> Decoded:
    """Decode JSON documents behind schema ids.

    Args:
        serde: the row form.
        inner: the same for the documents alone.
        data: the records.
        projection: positions of the wanted columns; None for all.
    """
    names, types, _ = layout_of(inner)
    found = _native.json_decode(data, names, types, keep_flags(serde, projection), inner.unwrapped, HEADER_BYTES)
    return finish(serde, data, projection, found)


def delimited_decode(serde: Serde, data: ArrowArray, projection: Sequence[int] | None, delimiter: str) -> Decoded:
    """Decode delimited lines."""
    found = _native.delimited_decode(data, ord(delimiter), layout_of(serde).types, keep_flags(serde, projection))
    return finish(serde, data, projection, found)


def delimited_encode(serde: Serde, columns: Sequence[ArrowArray], valid: Mask | None, delimiter: str) -> ArrowArray:
    """Encode delimited lines."""
    arrays = [fitted(array, column.type) for array, column in zip(columns, serde.columns, strict=True)]
    return _native.delimited_encode(arrays, ord(delimiter), mask_bytes(valid))


def primitive_decode(serde: Serde, data: ArrowArray, projection: Sequence[int] | None) -> Decoded:
    """Decode one of Kafka's primitives."""
    array, doubts = _native.primitives_decode(data, layout_of(serde).types[0])
    if array.null_count:
        valid = np.asarray(array.is_valid())
        decoded = finish(serde, data, [0], ([array], valid.view(np.uint8), doubts))
    else:
        decoded = Decoded([array], None)
    if projection is not None:
        decoded.columns = [decoded.columns[0] for _ in projection]
    return decoded


def primitive_encode(serde: Serde, columns: Sequence[ArrowArray], valid: Mask | None) -> ArrowArray:
    """Encode one of Kafka's primitives."""
    encoded = _native.primitives_encode(fitted(columns[0], serde.columns[0].type))
    if valid is None:
        return encoded
    return encoded.take(pa.array(np.arange(len(valid)), mask=~valid))
