"""Orders in the formats with schemas: the bytes of a record, its schema, and a registry that knows the schemas."""

from __future__ import annotations

import io
import json
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastavro

FORMATS = ("JSON", "AVRO", "PROTOBUF")
IDS = {"AVRO": 1, "PROTOBUF": 2}
AVRO_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "ordertime", "type": "long"},
        {"name": "orderid", "type": "long"},
        {"name": "itemid", "type": "string"},
        {"name": "orderunits", "type": "double"},
        {
            "name": "address",
            "type": {
                "type": "record",
                "name": "Address",
                "fields": [
                    {"name": "city", "type": "string"},
                    {"name": "state", "type": "string"},
                    {"name": "zipcode", "type": "int"},
                ],
            },
        },
    ],
}
PROTOBUF_SCHEMA = """syntax = "proto3";
message Order {
  int64 ordertime = 1;
  int64 orderid = 2;
  string itemid = 3;
  double orderunits = 4;
  Address address = 5;
  message Address { string city = 1; string state = 2; int32 zipcode = 3; }
}
"""
_SCHEMAS = {
    1: {"schema": json.dumps(AVRO_SCHEMA)},
    2: {"schema": PROTOBUF_SCHEMA, "schemaType": "PROTOBUF"},
}
_JSON = (
    '{"ordertime":%d,"orderid":%d,"itemid":"item_%d","orderunits":%.4f,'
    '"address":{"city":"City_%d","state":"State_%d","zipcode":%d}}'
)
Encode = Callable[[int, int, int, float, int, int, int], bytes]


def encoder(format_name: str) -> Encode:
    """Return the function from ordertime, orderid, item, units, city, state and zipcode to a record's value."""
    return {"JSON": _json, "AVRO": _avro_encoder(), "PROTOBUF": _protobuf}[format_name]


def _json(*order: Any) -> bytes:
    return (_JSON % order).encode()


def _avro_encoder() -> Encode:
    schema = fastavro.parse_schema(AVRO_SCHEMA)
    header = struct.pack(">bI", 0, IDS["AVRO"])

    def encode(at: int, number: int, item: int, units: float, city: int, state: int, zipcode: int) -> bytes:
        out = io.BytesIO()
        out.write(header)
        address = {"city": f"City_{city}", "state": f"State_{state}", "zipcode": zipcode}
        # Four decimals, as the text of JSON has them.
        order = {"ordertime": at, "orderid": number, "itemid": f"item_{item}", "orderunits": round(units, 4)}
        fastavro.schemaless_writer(out, schema, {**order, "address": address})
        return out.getvalue()

    return encode


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _sized(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data


_PROTOBUF_HEADER = struct.pack(">bI", 0, IDS["PROTOBUF"]) + b"\x00"


def _protobuf(at: int, number: int, item: int, units: float, city: int, state: int, zipcode: int) -> bytes:
    address = _sized(b"\x0a", b"City_%d" % city) + _sized(b"\x12", b"State_%d" % state) + b"\x18" + _varint(zipcode)
    return (
        _PROTOBUF_HEADER
        + (b"\x08" + _varint(at))
        + (b"\x10" + _varint(number) if number else b"")
        + _sized(b"\x1a", b"item_%d" % item)
        + (b"\x21" + struct.pack("<d", round(units, 4)) if units else b"")
        + _sized(b"\x2a", address)
    )


class _Registry(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known: dict[str, Any] | None = None
        match self.path.partition("?")[0].strip("/").split("/"):
            case ["schemas", "ids", number] if number.isdigit():
                known = _SCHEMAS.get(int(number))
            case ["subjects", subject, "versions", _]:
                # Topics of orders are named after their format; see `Orders.topic`.
                number = next((i for name, i in IDS.items() if subject.endswith(f"-{name.lower()}-value")), 0)
                known = {"subject": subject, "version": 1, "id": number, **_SCHEMAS[number]} if number else None
            case _:
                pass
        self._answer(200 if known else 404, known or {"error_code": 40401, "message": "not found"})

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server has it
        """Say nothing."""


@contextmanager
def registry() -> Generator[str]:
    """Serve the schemas by their ids; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
