"""Write and compile the function that reads one struct version."""

from __future__ import annotations

import struct
from collections.abc import Callable
from uuid import UUID

from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.protocol_schema import FieldSchema, StructSchema
from kappaflow.wire.source_writer import FIXED_FORMATS, SourceWriter

Decoder = Callable[[memoryview, int], tuple[Message, int]]


def read_unsigned_varint(buf: memoryview, pos: int) -> tuple[int, int]:
    """Read an unsigned varint of up to five bytes; gives (value, next position)."""
    value = shift = 0
    while True:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
        if shift > 28:
            raise ValueError("varint longer than five bytes")


def _read_uuid(buf: memoryview, pos: int) -> UUID:
    raw = bytes(buf[pos : pos + 16])
    return UUID(bytes=raw) if any(raw) else ZERO_UUID


def compile_decoder(schema: StructSchema, superset: StructSchema | None = None) -> Decoder:
    """Compile the reader of `schema`; fields that only `superset` has get their defaults."""
    writer = SourceWriter({"Message": Message, "uvarint": read_unsigned_varint, "read_uuid": _read_uuid})
    entry = _write_struct(writer, schema, superset)
    return writer.compile(entry)


def _write_struct(writer: SourceWriter, schema: StructSchema, superset: StructSchema | None) -> str:
    newer = {field.name: field for field in superset.fields} if superset else {}
    nested = {
        field.name: _write_struct(writer, field.struct, newer[field.name].struct if field.name in newer else None)
        for field in schema.fields
        if field.struct
    }
    name = writer.unique_name(f"decode_{schema.name}")
    writer.line(0, f"def {name}(buf, pos):")
    run: list[FieldSchema] = []
    for field in schema.fields:
        if field.tag is not None:
            continue
        if not field.array and field.kind in FIXED_FORMATS:
            run.append(field)
            continue
        _flush_run(writer, run)
        _write_field(writer, 1, field, nested.get(field.name), schema.flexible)
    _flush_run(writer, run)
    if schema.flexible:
        _write_tagged_fields(writer, schema, nested)
    known = {field.name for field in schema.fields}
    arguments = [f"{field.name}=v_{field.name}" for field in schema.fields]
    arguments += [
        f"{field.name}={writer.constant(field.absent_value())}" for field in newer.values() if field.name not in known
    ]
    writer.line(1, f"return Message({', '.join(arguments)}), pos")
    return name


def _flush_run(writer: SourceWriter, run: list[FieldSchema]) -> None:
    """Read adjacent fixed-size fields with one unpack."""
    if not run:
        return
    layout = struct.Struct(">" + "".join(FIXED_FORMATS[field.kind] for field in run))
    targets = "".join(f"v_{field.name}, " for field in run)
    writer.line(1, f"{targets}= {writer.constant(layout)}.unpack_from(buf, pos)")
    writer.line(1, f"pos += {layout.size}")
    run.clear()


def _write_length(writer: SourceWriter, depth: int, legacy: str, flexible: bool) -> None:
    """Leave a length in ``n``, -1 for null."""
    if flexible:
        writer.line(depth, "n = buf[pos]")
        writer.line(depth, "pos += 1")
        writer.line(depth, "if n > 127:")
        writer.line(depth + 1, "n, pos = uvarint(buf, pos - 1)")
        writer.line(depth, "n -= 1")
    else:
        layout = struct.Struct(">" + legacy)
        writer.line(depth, f"n, = {writer.constant(layout)}.unpack_from(buf, pos)")
        writer.line(depth, f"pos += {layout.size}")


def _write_null(writer: SourceWriter, depth: int, target: str, name: str, nullable: bool) -> None:
    """Take a negative length as null, or refuse it; what follows is for other lengths."""
    writer.line(depth, "if n < 0:")
    writer.line(depth + 1, f"{target} = None" if nullable else f"raise ValueError('{name} must not be null')")
    writer.line(depth, "else:")


def _write_field(writer: SourceWriter, depth: int, field: FieldSchema, nested: str | None, flexible: bool) -> None:
    target = f"v_{field.name}"
    if field.array:
        _write_length(writer, depth, "i", flexible)
        if field.kind in FIXED_FORMATS:
            size = struct.calcsize(">" + FIXED_FORMATS[field.kind])
            unpack = writer.constant(struct.unpack_from)
            _write_null(writer, depth, target, field.name, field.nullable)
            writer.line(depth + 1, f"if pos + n * {size} > len(buf): raise IndexError('array past the end')")
            writer.line(depth + 1, f"{target} = {unpack}(f'>{{n}}{FIXED_FORMATS[field.kind]}', buf, pos)")
            writer.line(depth + 1, f"pos += n * {size}")
            return
        _write_null(writer, depth, target, field.name, field.nullable)
        writer.line(depth + 1, "if n > len(buf) - pos: raise IndexError('array past the end')")
        writer.line(depth + 1, f"{target} = []")
        counter = writer.unique_name("count")
        writer.line(depth + 1, f"{counter} = n")
        writer.line(depth + 1, f"for _ in range({counter}):")
        _write_item(writer, depth + 2, "item", field.kind, False, nested, flexible)
        writer.line(depth + 2, f"{target}.append(item)")
        return
    _write_item(writer, depth, target, field.kind, field.nullable, nested, flexible)


def _write_item(
    writer: SourceWriter, depth: int, target: str, kind: str, nullable: bool, nested: str | None, flexible: bool
) -> None:
    if kind in FIXED_FORMATS:
        layout = struct.Struct(">" + FIXED_FORMATS[kind])
        writer.line(depth, f"{target}, = {writer.constant(layout)}.unpack_from(buf, pos)")
        writer.line(depth, f"pos += {layout.size}")
    elif kind == "uuid":
        writer.line(depth, f"{target} = read_uuid(buf, pos)")
        writer.line(depth, "pos += 16")
    elif kind == "struct":
        if nullable:
            writer.line(depth, "pos += 1")
            writer.line(depth, "if buf[pos - 1] == 255:")
            writer.line(depth + 1, f"{target} = None")
            writer.line(depth, "else:")
            depth += 1
        writer.line(depth, f"{target}, pos = {nested}(buf, pos)")
    else:
        _write_length(writer, depth, "h" if kind == "string" else "i", flexible)
        text = {"string": "str(buf[pos:end], 'utf-8')", "bytes": "bytes(buf[pos:end])", "records": "buf[pos:end]"}
        _write_null(writer, depth, target, target.removeprefix("v_"), nullable)
        writer.line(depth + 1, "end = pos + n")
        writer.line(depth + 1, f"{target} = {text[kind]}")
        writer.line(depth + 1, "pos = end")


def _write_tagged_fields(writer: SourceWriter, schema: StructSchema, nested: dict[str, str]) -> None:
    tagged = [field for field in schema.fields if field.tag is not None]
    for field in tagged:
        writer.line(1, f"v_{field.name} = {writer.constant(field.absent_value())}")
    writer.line(1, "tags = buf[pos]")
    writer.line(1, "pos += 1")
    writer.line(1, "if tags:")
    writer.line(2, "tags, pos = uvarint(buf, pos - 1)")
    writer.line(2, "for _ in range(tags):")
    writer.line(3, "tag, pos = uvarint(buf, pos)")
    writer.line(3, "size, pos = uvarint(buf, pos)")
    writer.line(3, "after = pos + size")
    for index, field in enumerate(tagged):
        writer.line(3, f"{'if' if index == 0 else 'elif'} tag == {field.tag}:")
        # A tagged struct is never preceded by a null marker: presence is what the tag says.
        nullable = field.nullable and (field.array or field.kind != "struct")
        simple = FieldSchema(field.name, field.kind, field.array, nullable, None, field.default, field.struct)
        _write_field(writer, 4, simple, nested.get(field.name), True)
    writer.line(3, "pos = after")
