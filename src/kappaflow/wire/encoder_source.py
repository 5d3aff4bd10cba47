"""Write and compile the function that writes one struct version."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import REQUIRED, FieldSchema, StructSchema
from kappaflow.wire.source_writer import FIXED_FORMATS, SourceWriter

Splices = list[tuple[int, Sequence[Any]]]
"""Record buffers and the position in the framing bytes before which they belong."""

Encoder = Callable[[Message, bytearray, Splices], None]


def write_unsigned_varint(out: bytearray, value: int) -> None:
    """Append an unsigned varint."""
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def _write_compact_string(out: bytearray, value: str) -> None:
    raw = value.encode()
    write_unsigned_varint(out, len(raw) + 1)
    out += raw


def _write_legacy_string(out: bytearray, value: str) -> None:
    raw = value.encode()
    out += len(raw).to_bytes(2, "big")
    out += raw


def _write_tag(out: bytearray, tag: int, body: bytearray) -> None:
    write_unsigned_varint(out, tag)
    write_unsigned_varint(out, len(body))
    out += body


def _buffers(records: Any) -> tuple[Sequence[Any], int]:
    """Record buffers and their total length; one buffer stands for a list of one."""
    if isinstance(records, list | tuple):
        return records, sum(map(len, records))
    return (records,), len(records)


def compile_encoder(schema: StructSchema) -> Encoder:
    """Compile the writer of `schema`."""
    writer = SourceWriter(
        {
            "uvarint": write_unsigned_varint,
            "compact_string": _write_compact_string,
            "legacy_string": _write_legacy_string,
            "write_tag": _write_tag,
            "record_buffers": _buffers,
        }
    )
    return writer.compile(_write_struct(writer, schema))


def _write_struct(writer: SourceWriter, schema: StructSchema) -> str:
    nested = {field.name: _write_struct(writer, field.struct) for field in schema.fields if field.struct}
    name = writer.unique_name(f"encode_{schema.name}")
    writer.line(0, f"def {name}(m, out, splices):")
    writer.line(1, "pass")
    run: list[FieldSchema] = []
    for field in schema.fields:
        if field.tag is not None:
            continue
        if not field.array and field.kind in FIXED_FORMATS:
            run.append(field)
            continue
        _flush_run(writer, run)
        _write_field(writer, 1, field, _value(writer, field), nested.get(field.name), schema.flexible)
    _flush_run(writer, run)
    if schema.flexible:
        _write_tagged_fields(writer, schema, nested)
    return name


def _value(writer: SourceWriter, field: FieldSchema) -> str:
    if field.default is REQUIRED:
        return f"m.{field.name}"
    return f"getattr(m, '{field.name}', {writer.constant(field.default)})"


def _flush_run(writer: SourceWriter, run: list[FieldSchema]) -> None:
    """Write adjacent fixed-size fields with one pack."""
    if not run:
        return
    layout = struct.Struct(">" + "".join(FIXED_FORMATS[field.kind] for field in run))
    values = ", ".join(_value(writer, field) for field in run)
    writer.line(1, f"out += {writer.constant(layout.pack)}({values})")
    run.clear()


def _write_length(writer: SourceWriter, depth: int, expression: str, legacy: str, flexible: bool) -> None:
    if flexible:
        writer.line(depth, f"n = {expression} + 1")
        writer.line(depth, "if n < 128: out.append(n)")
        writer.line(depth, "else: uvarint(out, n)")
    else:
        size = struct.calcsize(">" + legacy)
        writer.line(depth, f"out += ({expression}).to_bytes({size}, 'big')")


def _write_null(writer: SourceWriter, depth: int, legacy: str, flexible: bool) -> None:
    null = b"\x00" if flexible else struct.pack(">" + legacy, -1)
    writer.line(depth, f"out += {null!r}")


def _write_field(
    writer: SourceWriter, depth: int, field: FieldSchema, value: str, nested: str | None, flexible: bool
) -> None:
    if not field.array:
        _write_item(writer, depth, field, value, nested, flexible)
        return
    items = writer.unique_name("items")
    writer.line(depth, f"{items} = {value}")
    writer.line(depth, f"if {items} is None:")
    _write_null(writer, depth + 1, "i", flexible)
    writer.line(depth, "else:")
    depth += 1
    _write_length(writer, depth, f"len({items})", "i", flexible)
    if field.kind in FIXED_FORMATS:
        pack = writer.constant(struct.pack)
        writer.line(depth, f"out += {pack}(f'>{{len({items})}}{FIXED_FORMATS[field.kind]}', *{items})")
        return
    item = writer.unique_name("item")
    writer.line(depth, f"for {item} in {items}:")
    simple = FieldSchema(field.name, field.kind, False, False, None, REQUIRED, field.struct)
    _write_item(writer, depth + 1, simple, item, nested, flexible)


def _write_item(
    writer: SourceWriter, depth: int, field: FieldSchema, value: str, nested: str | None, flexible: bool
) -> None:
    kind = field.kind
    if kind in FIXED_FORMATS:
        writer.line(depth, f"out += {writer.constant(struct.Struct('>' + FIXED_FORMATS[kind]).pack)}({value})")
        return
    if kind == "uuid":
        writer.line(depth, f"out += ({value}).bytes")
        return
    legacy = "h" if kind == "string" else "i"
    writer.line(depth, f"v = {value}")
    if field.nullable or kind == "records":
        writer.line(depth, "if v is None:")
        if kind == "struct":
            writer.line(depth + 1, "out += b'\\xff'")
        else:
            _write_null(writer, depth + 1, legacy, flexible)
        writer.line(depth, "else:")
        depth += 1
        if kind == "struct":
            writer.line(depth, "out.append(1)")
    if kind == "struct":
        writer.line(depth, f"{nested}(v, out, splices)")
    elif kind == "string":
        writer.line(depth, f"{'compact' if flexible else 'legacy'}_string(out, v)")
    elif kind == "bytes":
        _write_length(writer, depth, "len(v)", "i", flexible)
        writer.line(depth, "out += v")
    else:
        writer.line(depth, "buffers, size = record_buffers(v)")
        _write_length(writer, depth, "size", "i", flexible)
        writer.line(depth, "splices.append((len(out), buffers))")


def _write_tagged_fields(writer: SourceWriter, schema: StructSchema, nested: dict[str, str]) -> None:
    tagged = sorted((field for field in schema.fields if field.tag is not None), key=lambda field: field.tag or 0)
    if not tagged:
        writer.line(1, "out.append(0)")
        return
    writer.line(1, "whole, tags = out, []")
    for field in tagged:
        absent = field.absent_value()
        default = writer.constant(absent)
        value = writer.unique_name("value")
        writer.line(1, f"{value} = getattr(m, '{field.name}', {default})")
        unequal = f"tuple({value} or ()) != ()" if field.array and absent == () else f"{value} != {default}"
        writer.line(1, f"if {unequal}:")
        writer.line(2, "out = bytearray()")
        simple = FieldSchema(field.name, field.kind, field.array, False, None, REQUIRED, field.struct)
        _write_field(writer, 2, simple, value, nested.get(field.name), True)
        writer.line(2, f"tags.append(({field.tag}, out))")
    writer.line(1, "out = whole")
    writer.line(1, "uvarint(out, len(tags))")
    writer.line(1, "for tag, body in tags: write_tag(out, tag, body)")
