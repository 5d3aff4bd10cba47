"""Random Avro and Protobuf schemas, and random records of them."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from typing import Any

import fastavro

TEXTS = ["", "a", "é", "\U0001f600", "x" * 40, "0"]
INTS = [0, 1, -1, 63, -64, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)]
DOUBLES = [0.0, -0.0, 1.5, -2.5e300, float("inf"), float("nan")]
NAMES = ["a", "b", "C", "dd", "É", "key", "value", "x1"]


class AvroWriter:
    """A random schema of records, and random values of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0
        self.node, self.value = self.record(3)

    def name(self) -> str:
        self.count += 1
        return f"N{self.count}"

    def record(self, depth: int) -> tuple[Any, Callable[[], Any]]:
        fields: list[Any] = []
        values: dict[str, Callable[[], Any]] = {}
        for name in self.chance.sample(["a", "b", "C", "dd", "key", "value", "x1"], self.chance.randint(1, 5)):
            node, values[name] = self.type(depth - 1)
            fields.append({"name": name, "type": node})
        node = {"type": "record", "name": self.name(), "fields": fields}
        return node, lambda: {name: value() for name, value in values.items()}

    def type(self, depth: int) -> tuple[Any, Callable[[], Any]]:
        pick = self.chance.choice
        kind = self.chance.randrange(12 if depth <= 0 else 20)
        match kind:
            case 0:
                return "boolean", lambda: pick([True, False])
            case 1:
                return "int", lambda: pick(INTS[:7])
            case 2 | 3:
                return "long", lambda: pick(INTS)
            case 4:
                return pick(["float", "double"]), lambda: pick([0.0, 1.5, -0.0, float("inf")])
            case 5 | 6:
                return "string", lambda: pick(TEXTS)
            case 7:
                return "bytes", lambda: pick([b"", b"\x00\xff", b"abc"])
            case 8:
                return {"type": "enum", "name": self.name(), "symbols": ["A", "B"]}, lambda: pick(["A", "B"])
            case 9:
                return {"type": "fixed", "name": self.name(), "size": 3}, lambda: self.chance.randbytes(3)
            case 10:
                return self.decimal()
            case 11:
                logical = pick([("int", "date"), ("int", "time-millis"), ("long", "timestamp-millis")])
                return {"type": logical[0], "logicalType": logical[1]}, lambda: pick([0, 1, 86_400_000, -1, 19_000])
            case 12 | 13 | 14:
                inner, value = self.type(depth - 1)
                if isinstance(inner, list) or inner == "null":
                    return inner, value
                node = ["null", inner] if pick([True, False]) else [inner, "null"]
                return node, lambda: None if pick([True, False, False]) else value()
            case 15 | 16:
                inner, value = self.type(depth - 1)
                return {"type": "array", "items": inner}, lambda: [value() for _ in range(self.chance.randint(0, 3))]
            case 17:
                inner, value = self.type(depth - 1)
                return {"type": "map", "values": inner}, lambda: {pick(TEXTS): value() for _ in range(2)}
            case 18:
                return self.entries(depth)
            case _:
                return self.record(depth)

    def decimal(self) -> tuple[Any, Callable[[], Any]]:
        scale = self.chance.choice([0, 2, 5])
        logical = {"logicalType": "decimal", "precision": self.chance.choice([6, 18, 38, 50]), "scale": scale}
        if self.chance.random() < 0.5:
            node = {"type": "fixed", "name": self.name(), "size": 8, **logical}
            return node, lambda: self.chance.choice([0, 1, -1, 12345, -(10**6)]).to_bytes(8, "big", signed=True)
        return {"type": "bytes", **logical}, lambda: self.chance.choice(
            [b"", b"\x00", b"\xff", b"\x30\x39", b"\x7f" * 9]
        )

    def entries(self, depth: int) -> tuple[Any, Callable[[], Any]]:
        key = self.chance.choice(["string", ["null", "string"]])
        inner, value = self.type(depth - 2)
        fields = [{"name": "key", "type": key}, {"name": "value", "type": inner}]
        items = {"type": "record", "name": self.name(), "fields": fields, "connect.internal.type": "MapEntry"}
        texts = TEXTS if key == "string" else [*TEXTS, None]

        def entry() -> Any:
            return {"key": self.chance.choice(texts), "value": value()}

        return {"type": "array", "items": items}, lambda: [entry() for _ in range(self.chance.randint(0, 3))]

    def bytes_of(self) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(_bare(self.node)), self.value())
        return out.getvalue()


def _bare(node: Any) -> Any:
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _bare(item) for key, item in node.items() if key not in {"logicalType", "precision", "scale"}}


WIRES = {
    **dict.fromkeys(["int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool"], 0),
    **dict.fromkeys(["fixed64", "sfixed64", "double"], 1),
    **dict.fromkeys(["string", "bytes"], 2),
    **dict.fromkeys(["fixed32", "sfixed32", "float"], 5),
}
SPECIAL = {
    "google.protobuf.Timestamp": [("int64", 1), ("int32", 2)],
    "google.type.Date": [("int32", 1), ("int32", 2), ("int32", 3)],
    "google.type.TimeOfDay": [("int32", 1), ("int32", 2), ("int32", 3), ("int32", 4)],
    "confluent.type.Decimal": [("bytes", 1), ("uint32", 2), ("int32", 3)],
    "google.protobuf.StringValue": [("string", 1)],
    "google.protobuf.Int64Value": [("int64", 1)],
    "google.protobuf.BoolValue": [("bool", 1)],
    "google.protobuf.DoubleValue": [("double", 1)],
}
IMPORTS = "".join(
    f'import "{path}.proto";\n'
    for path in ("google/protobuf/timestamp", "google/protobuf/wrappers", "google/type/date", "google/type/timeofday",
                 "confluent/type/decimal", "confluent/meta")
)  # fmt: skip


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class ProtoWriter:
    """A random message, and random bytes of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0
        self.syntax = chance.choice(["proto3", "proto3", "proto2"])
        body, self.body = self.message("M", 3)
        self.text = f'syntax = "{self.syntax}";\n{IMPORTS}\nenum Color {{ RED = 0; BLUE = 5; }}\n{body}\n'

    def message(self, name: str, depth: int) -> tuple[str, Callable[[], bytes]]:
        lines, nested, parts = [], [], []
        names = self.chance.sample(["a", "b", "C", "dd", "x1", "_y"], self.chance.randint(1, 5))
        numbers = self.chance.sample([*range(1, 20), 40, 3000], len(names))
        in_oneof = []
        for label, number in zip(names, numbers, strict=True):
            kind = self.chance.randrange(10 if depth > 1 else 6)
            if kind < 4:
                text, value = self.scalar()
            elif kind < 6:
                text, value = self.chance.choice(list(SPECIAL)), None
                value = self.special(text)
            elif kind < 9:
                self.count += 1
                text = f"N{self.count}{self.chance.choice(['', 'Entry'])}"
                body, inner = self.message(text, depth - 1)
                nested.append(body)
                value = lambda inner=inner: (2, self.sized(inner()))  # noqa: E731
            else:
                kind_of_map, item = self.scalar()
                lines.append(f"map<string, {kind_of_map}> {label} = {number};")
                parts.append(self.map_part(number, item))
                continue
            labels = ["optional ", "repeated "] if self.syntax == "proto2" else ["", "optional ", "repeated "]
            before = self.chance.choice(labels)
            if self.syntax == "proto3" and before == "" and self.chance.random() < 0.1:
                in_oneof.append(f"{text} {label} = {number};")
            else:
                lines.append(f"{before}{text} {label} = {number};")
            parts.append(self.part(number, text, value, before == "repeated "))
        if in_oneof:
            lines.append("oneof choice { " + " ".join(in_oneof) + " }")

        def write() -> bytes:
            made = [part() for part in parts if self.chance.random() < 0.85]
            if self.chance.random() < 0.1:
                made.append(self.noise())
            self.chance.shuffle(made)
            return b"".join(made)

        return f"message {name} {{ {' '.join(lines)} {' '.join(nested)} }}", write

    def scalar(self) -> tuple[str, Callable[[], tuple[int, bytes]]]:
        kind = self.chance.choice([*WIRES, "Color", "string", "int64"])
        return kind, lambda: self.value(kind)

    def value(self, kind: str) -> tuple[int, bytes]:
        pick = self.chance.choice
        match kind:
            case "string":
                return 2, self.sized(pick([*(text.encode() for text in TEXTS), b"\xff"] if pick([0, 0, 1]) else [b"q"]))
            case "bytes":
                return 2, self.sized(pick([b"", b"\x00", b"\xff\x01"]))
            case "double":
                return 1, struct.pack("<d", pick(DOUBLES))
            case "float":
                return 5, struct.pack("<f", pick([0.0, -0.0, 1.5, float("inf")]))
            case "fixed64" | "sfixed64":
                return 1, struct.pack("<Q", pick(INTS) & 2**64 - 1)
            case "fixed32" | "sfixed32":
                return 5, struct.pack("<I", pick(INTS) & 2**32 - 1)
            case "Color":
                return 0, varint(pick([0, 5, 5, 7, -1]))
            case _:
                return 0, varint(pick(INTS))

    def special(self, name: str) -> Callable[[], tuple[int, bytes]]:
        small = [0, 1, 2, 12, 28, 2000, 1_500_000, -1]

        def write() -> tuple[int, bytes]:
            out = b""
            for kind, number in SPECIAL[name]:
                if self.chance.random() < 0.8:
                    is_plain = kind in {"int32", "uint32"} or name.endswith("Timestamp")
                    wire, value = (0, varint(self.chance.choice(small))) if is_plain else self.value(kind)
                    out += varint(number << 3 | wire) + value
            return 2, self.sized(out)

        return write

    @staticmethod
    def sized(data: bytes) -> bytes:
        return varint(len(data)) + data

    def part(
        self, number: int, kind: str, value: Callable[[], tuple[int, bytes]], is_repeated: bool
    ) -> Callable[[], bytes]:
        def write() -> bytes:
            if self.chance.random() < 0.03:
                return self.noise(number)
            if not is_repeated:
                times = self.chance.choice([1, 1, 1, 1, 2])
                return b"".join(varint(number << 3 | wire) + data for wire, data in (value() for _ in range(times)))
            items = [value() for _ in range(self.chance.randint(0, 4))]
            if items and items[0][0] != 2 and kind not in SPECIAL and self.chance.random() < 0.6:
                return varint(number << 3 | 2) + self.sized(b"".join(data for _, data in items))
            return b"".join(varint(number << 3 | wire) + data for wire, data in items)

        return write

    def map_part(self, number: int, value: Callable[[], tuple[int, bytes]]) -> Callable[[], bytes]:
        def write() -> bytes:
            out = b""
            for _ in range(self.chance.randint(0, 3)):
                wire, data = value()
                entry = b"\x0a" + self.sized(self.chance.choice(TEXTS).encode()) if self.chance.random() < 0.9 else b""
                entry += varint(2 << 3 | wire) + data if self.chance.random() < 0.9 else b""
                out += varint(number << 3 | 2) + self.sized(entry)
            return out

        return write

    def noise(self, number: int | None = None) -> bytes:
        """A field that nobody knows, or a known one with another wire type."""
        number = number or self.chance.choice([900, 901])
        match self.chance.randrange(5):
            case 0:
                return varint(number << 3) + varint(self.chance.choice(INTS))
            case 1:
                return varint(number << 3 | 1) + bytes(8)
            case 2:
                return varint(number << 3 | 5) + bytes(4)
            case 3:
                return varint(number << 3 | 3) + varint(number << 3 | 4)
            case _:
                return varint(number << 3 | 2) + self.sized(b"zz")
