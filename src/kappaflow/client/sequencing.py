"""Who produces: producer ids, epochs and sequences, and how they get into a prebuilt record batch.

Source: KIP-98 (idempotent and transactional producers).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from crc32c import crc32c

from kappaflow.wire.record_batch import CRC_START, TRANSACTIONAL_BIT

SEQUENCE_MASK = 0x7FFFFFFF
_PRODUCER = Struct(">qhi")
_CRC = Struct(">I")
_COUNT = Struct(">i")
_ATTRIBUTES = Struct(">h")


class ProducerIdentity(NamedTuple):
    """A producer as the broker knows it.

    Attributes:
        producer_id: -1 for a producer that is not idempotent.
        epoch: fences older producers of the same id.
        transactional_id: set where batches belong to transactions.
    """

    producer_id: int = -1
    epoch: int = -1
    transactional_id: str | None = None


def sequence_count(batch: bytes | bytearray | memoryview) -> int:
    """How many sequence numbers a batch takes: its last offset delta plus one."""
    return _COUNT.unpack_from(batch, 23)[0] + 1


def stamp_producer(batch: bytearray | memoryview, identity: ProducerIdentity, sequence: int) -> None:
    """Write producer id, epoch and first sequence into a batch, and its new CRC.

    Args:
        batch: one whole record batch, changed in place.
        identity: the producer; a transactional id also sets the transactional bit.
        sequence: of the first record, -1 where the producer is not idempotent.
    """
    (attributes,) = _ATTRIBUTES.unpack_from(batch, 21)
    transactional = attributes | TRANSACTIONAL_BIT if identity.transactional_id else attributes & ~TRANSACTIONAL_BIT
    _ATTRIBUTES.pack_into(batch, 21, transactional)
    _PRODUCER.pack_into(batch, 43, identity.producer_id, identity.epoch, sequence)
    _CRC.pack_into(batch, 17, crc32c(memoryview(batch)[CRC_START:]))
