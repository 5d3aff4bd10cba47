"""Formats: rows and columns to the bytes of Kafka keys and values, and back.

    columns + format name --format_serde()--> Serde
        row form      serialize(row) -> bytes         deserialize(bytes) -> row, or SerializationError
        column form   encode(arrays) -> binary array  decode(binary array, projection) -> Decoded
    WindowedKeySerde(serde, window) puts window bounds behind the key.

The row form defines what is right.  The column form marks broken records instead of raising and gives the row
form's message for each of them.

AVRO, PROTOBUF and JSON_SR write and read by schemas of a registry, which stands behind the face of `schema_registry`.

Not here: record batches (kappaflow.kernel), a registry over HTTP (kappaflow.client), rules of SQL expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kappaflow.runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kappaflow.serde.face import Decoded, Row, Serde
    from kappaflow.serde.formats import FORMATS, Format, SerdeFeature, find_format, format_serde
    from kappaflow.serde.windowed import DecodedWindows, WindowedKeySerde

# Imported when first asked for: commands need the types of columns, and not Arrow.
__getattr__ = lazy_names(
    __name__,
    {
        "FORMATS": "formats",
        "Decoded": "face",
        "DecodedWindows": "windowed",
        "Format": "formats",
        "Row": "face",
        "Serde": "face",
        "SerdeFeature": "formats",
        "WindowedKeySerde": "windowed",
        "find_format": "formats",
        "format_serde": "formats",
    },
)

__all__ = [
    "FORMATS",
    "Decoded",
    "DecodedWindows",
    "Format",
    "Row",
    "Serde",
    "SerdeFeature",
    "WindowedKeySerde",
    "find_format",
    "format_serde",
]
