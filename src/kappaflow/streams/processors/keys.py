"""Serialised keys of stores."""

from __future__ import annotations

from typing import Any

from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.streams.record import Windowed


class KeyWriter:
    """Writes the key of a record as its store and topic keep it.

    A windowed key is the inner key and the window's start (8 bytes, big-endian); a session's is its end and start.
    """

    def __init__(self, serde: Serde | WindowedKeySerde) -> None:
        self._serde = serde
        self._windowed = isinstance(serde, WindowedKeySerde)

    def __call__(self, key: Any) -> bytes:
        """Return the bytes of a key that is not null."""
        if isinstance(key, Windowed):
            data = (
                self._serde.serialize(key.key, key.start, key.end)
                if isinstance(self._serde, WindowedKeySerde)
                else (self._serde.serialize(key.key) or b"") + key.start.to_bytes(8, "big")
            )
        else:
            data = self._serde.serialize(key)  # type: ignore[call-arg]
        return data if data is not None else b""


class KeyReader:
    """Reads what `KeyWriter` wrote."""

    def __init__(self, serde: Serde | WindowedKeySerde) -> None:
        self._serde = serde

    def __call__(self, data: bytes) -> Any:
        """Return the key."""
        if isinstance(self._serde, WindowedKeySerde):
            found = self._serde.deserialize(data)
            return None if found is None else Windowed(*found)
        return self._serde.deserialize(data)
