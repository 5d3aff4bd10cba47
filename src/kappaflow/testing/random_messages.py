"""Random protocol messages that fit a schema, for tests that hold two codecs equal."""

from __future__ import annotations

import random
import uuid

from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import FieldSchema, StructSchema

INTEGER_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
ERROR_CODES = (0, 3, 22, 76, 79)
TEXTS = ("", "orders", "주문", "x" * 200)


def random_struct(schema: StructSchema, rng: random.Random) -> Message:
    """A message with a value, null, or nothing (tagged fields) in every field."""
    values: dict[str, object] = {}
    for field in schema.fields:
        if field.nullable and rng.random() < 0.3:
            values[field.name] = None
        elif field.tag is not None and rng.random() < 0.4:
            continue
        elif field.array:
            values[field.name] = [random_value(field, rng) for _ in range(rng.choice((0, 1, 3)))]
        else:
            values[field.name] = random_value(field, rng)
    return Message(**values)


def random_value(field: FieldSchema, rng: random.Random) -> object:
    """A value of the field's kind, often at a limit; times are not negative."""
    if field.kind in INTEGER_BITS:
        return _random_integer(field, rng)
    match field.kind:
        case "bool":
            return rng.random() < 0.5
        case "uint16":
            return rng.randrange(2**16)
        case "uint32":
            return rng.randrange(2**32)
        case "float64":
            return rng.uniform(-1e9, 1e9)
        case "string":
            return rng.choice(TEXTS)
        case "bytes":
            return rng.randbytes(rng.choice((0, 3, 300)))
        case "records":
            return rng.randbytes(rng.choice((0, 61, 20_000)))
        case "uuid":
            return uuid.UUID(int=rng.getrandbits(128))
        case _:
            assert field.struct is not None
            return random_struct(field.struct, rng)


def _random_integer(field: FieldSchema, rng: random.Random) -> int:
    if field.name.endswith("error_code"):
        return rng.choice(ERROR_CODES)
    limit = 2 ** (INTEGER_BITS[field.kind] - 1)
    low = -limit
    if field.name.endswith("_ms"):
        # Codecs that keep durations as objects hold no larger and no negative ones.
        low, limit = 0, min(limit, 2**31)
    return rng.choice((0, 1, limit - 1, low, rng.randrange(low, limit)))
