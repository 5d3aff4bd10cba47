"""State stores: serialised keys in byte order to rows with a timestamp.

    OrderedStore    get, put, range                       memory, or the worker's RocksDB (StateDatabase)
    LruStore        the same, of the keys used last       over an ordered store
    SessionStore, JoinWindowStore, UnmatchedStore, ..     layouts of keys over an ordered store
    VersionedStore        values by the time from which they are valid
    ObjectStore           objects instead of rows         kept as their serialised bytes

Not here: changelogs and commits (kappaflow.streams.execution), what rows mean (kappaflow.streams.processors).
"""

from kappaflow.state.lru import LruStore
from kappaflow.state.memory import MemoryStore, PackedMemoryStore
from kappaflow.state.objects import ObjectStore
from kappaflow.state.ordered import OrderedStore, PackedStore, Row, Stored
from kappaflow.state.versioned import NOT_PUT, Version, VersionedStore
from kappaflow.state.windows import (
    ARRIVAL_BYTES,
    JoinWindowStore,
    SessionStore,
    Unmatched,
    UnmatchedLists,
    UnmatchedStore,
)

__all__ = [
    "ARRIVAL_BYTES",
    "NOT_PUT",
    "JoinWindowStore",
    "LruStore",
    "MemoryStore",
    "ObjectStore",
    "OrderedStore",
    "PackedMemoryStore",
    "PackedStore",
    "Row",
    "SessionStore",
    "Stored",
    "Unmatched",
    "UnmatchedLists",
    "UnmatchedStore",
    "Version",
    "VersionedStore",
]
