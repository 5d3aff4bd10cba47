"""One segment of a partition log: a file of record batches and its two indexes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import ByteBuffer, Disk
from kappaflow.storage.index import CorruptIndexError, OffsetIndex, TimeIndex
from kappaflow.wire.record_batch import (
    HEADER_SIZE,
    LOG_OVERHEAD,
    RecordBatchHeader,
    batch_extent,
    crc_is_valid,
    parse_header,
)

MAX_RELATIVE_OFFSET = 2**31 - 1
_SCAN_BYTES = 1 << 20
_HEADER_CHUNK_MIN_BYTES = 4096
BULK_BYTES = 1 << 20
_HINTS = 64
_WRITTEN_AGAIN_BYTES = 1 << 20


def segment_path(directory: Path, base_offset: int, suffix: str) -> Path:
    """Kafka's name of a segment file: the base offset in 20 digits.

    >>> segment_path(Path("t-0"), 42, ".log").name
    '00000000000000000042.log'
    """
    return directory / f"{base_offset:020d}{suffix}"


class LogSegment:
    """A run of batches that starts at `base_offset`.

    Files are opened at first use. Appends and reads come from one thread; `sync` may come from another.

    Attributes:
        base_offset: the smallest offset that it may hold.
        size: bytes of whole batches.
        max_timestamp: the largest timestamp in it, -1 where unknown or empty.
        offset_of_max_timestamp: last offset of the first batch with that timestamp.
        companions: other files that become durable together with its indexes, where they exist.
    """

    def __init__(
        self, disk: Disk, directory: Path, base_offset: int, index_interval_bytes: int, suffix: str = ""
    ) -> None:
        self.base_offset = base_offset
        self.path = segment_path(directory, base_offset, ".log" + suffix)
        self.size = 0
        self.max_timestamp = -1
        self.offset_of_max_timestamp = base_offset
        self.first_timestamp: int | None = None
        self.created_ms = 0
        self.offset_index = OffsetIndex(disk, segment_path(directory, base_offset, ".index" + suffix), base_offset)
        self.time_index = TimeIndex(disk, segment_path(directory, base_offset, ".timeindex" + suffix), base_offset)
        self.companions: tuple[Path, ...] = ()
        self._disk = disk
        self._interval = index_interval_bytes
        self._bytes_since_entry = 0
        self._fd = -1
        self._fd_lock = threading.Lock()
        self._indexes_loaded = False
        self._hints: dict[int, int] = {}

    @staticmethod
    def create(
        disk: Disk, directory: Path, base_offset: int, index_interval_bytes: int, created_ms: int, suffix: str = ""
    ) -> LogSegment:
        """Make a new, empty segment with its files, whose names end in `suffix`."""
        segment = LogSegment(disk, directory, base_offset, index_interval_bytes, suffix)
        segment.created_ms = created_ms
        segment._indexes_loaded = True
        try:
            segment._fd = disk.open(segment.path, create=True)
            disk.truncate(segment._fd, 0)
            segment.offset_index.flush()
            segment.time_index.flush()
        except OSError:
            segment.delete()
            raise
        return segment

    @staticmethod
    def existing(disk: Disk, directory: Path, base_offset: int, index_interval_bytes: int) -> LogSegment:
        """Take over a segment's files without opening them."""
        segment = LogSegment(disk, directory, base_offset, index_interval_bytes)
        status = segment.path.stat()
        segment.size = status.st_size
        segment.created_ms = int(status.st_mtime * 1000)
        return segment

    # Appending

    def append(self, buffers: Sequence[ByteBuffer], size: int, last_offset: int, max_timestamp: int) -> None:
        """Write one batch at the end; on failure the file is as before.

        Args:
            buffers: the batch's bytes in pieces.
            size: their total.
            last_offset: the batch's last offset.
            max_timestamp: the batch's largest timestamp.

        Raises:
            OSError: the disk is full or failed.
        """
        position = self.size
        fd = self._open()
        try:
            self._disk.write(fd, buffers, position)
        except OSError:
            self._disk.truncate(fd, position)
            raise
        self.size = position + size
        self.note_batch(position, size, last_offset, max_timestamp)

    def note_batch(self, position: int, size: int, last_offset: int, max_timestamp: int) -> None:
        """Account for a batch that lies at `position`: largest timestamp and index entries."""
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.offset_of_max_timestamp = last_offset
        if self.first_timestamp is None:
            self.first_timestamp = max_timestamp
        if self._bytes_since_entry > self._interval:
            self.offset_index.append(last_offset, position)
            self.time_index.append(self.max_timestamp, self.offset_of_max_timestamp)
            self._bytes_since_entry = 0
        self._bytes_since_entry += size

    def seal(self) -> None:
        """Complete the indexes and write them: the segment takes no more batches."""
        self.time_index.append(self.max_timestamp, self.offset_of_max_timestamp)
        crash_point("before-index-flush")
        self.offset_index.flush()
        self.time_index.flush()
        crash_point("after-index-flush")

    def index_is_full(self, max_bytes: int) -> bool:
        """Whether one of the indexes has reached segment.index.bytes."""
        return (
            len(self.offset_index) * OffsetIndex.entry_size >= max_bytes
            or (len(self.time_index) + 1) * TimeIndex.entry_size >= max_bytes
        )

    # Reading

    def read(self, offset: int, max_bytes: int, *, min_one_batch: bool) -> bytes | None:
        """Whole batches from the one that holds `offset` on.

        Returns:
            None where every batch lies before `offset`; empty where the first batch is larger than `max_bytes`
            and `min_one_batch` is false.
        """
        position = self.position_of(offset)
        if position is None:
            return None
        fd = self._open()
        data = self._disk.read(fd, min(max_bytes, self.size - position), position)
        if position + len(data) == self.size:
            return data
        whole = self._whole_batches(data, position)
        if whole == 0 and min_one_batch:
            _, size = batch_extent(self._disk.read(fd, LOG_OVERHEAD, position), 0)
            return self._disk.read(fd, size, position)
        return data[:whole]

    def position_of(self, offset: int) -> int | None:
        """Where the batch that holds `offset`, or the next one, starts; None where all lie before it."""
        hint = self._hints.get(offset)
        if hint is not None and hint < self.size:
            return hint
        self.load_indexes()
        for position, header in self.headers(self.offset_index.lookup(offset)):
            if header.last_offset >= offset:
                self._remember(offset, position)
                return position
        return None

    def _whole_batches(self, data: bytes, position: int) -> int:
        """How many bytes of `data`, read at `position`, are whole batches."""
        at = max(self.offset_index.batch_start_at_or_before(position + len(data)) - position, 0)
        end = len(data)
        while at + LOG_OVERHEAD <= end:
            base_offset, size = batch_extent(data, at)
            if at + size > end:
                self._remember(base_offset, position + at)
                break
            at += size
        return at

    def _remember(self, offset: int, position: int) -> None:
        """Keep where a reader will come back to; readers go forward, so few entries do."""
        if len(self._hints) >= _HINTS:
            del self._hints[next(iter(self._hints))]
        self._hints[offset] = position

    def headers(self, position: int = 0) -> Iterator[tuple[int, RecordBatchHeader]]:
        """Yield (position, header) of the batches from `position` on.

        Raises:
            CorruptRecordError: at the first header that contradicts itself.
        """
        for start, header, _ in self.batches(position, bodies=False):
            yield start, header

    def batches(self, position: int = 0, *, bodies: bool = True) -> Iterator[tuple[int, RecordBatchHeader, memoryview]]:
        """Yield (position, header, bytes of the whole batch) from `position` on.

        With `bodies` false only headers are sure to be in the view, and long bodies are skipped on disk.

        Raises:
            CorruptRecordError: at the first header that contradicts itself or batch that is cut.
        """
        if position >= self.size:
            return
        fd = self._open()
        chunk_bytes = _SCAN_BYTES if bodies else self._header_chunk_bytes
        window_start = position
        window = b""
        while position < self.size:
            at = position - window_start
            if at + HEADER_SIZE > len(window):
                window_start, at = position, 0
                window = self._disk.read(fd, min(chunk_bytes, self.size - position), position)
            header = parse_header(window, at)
            end = position + header.size
            if end > self.size:
                raise CorruptRecordError(f"{self.path}: the batch at position {position} is cut")
            if bodies and at + header.size > len(window):
                window_start, at = position, 0
                window = self._disk.read(fd, max(header.size, min(chunk_bytes, self.size - position)), position)
            yield position, header, memoryview(window)[at : at + header.size]
            position = end

    @property
    def _header_chunk_bytes(self) -> int:
        return max(self._interval * 4, _HEADER_CHUNK_MIN_BYTES)

    def batch_at(self, position: int, size: int) -> bytes:
        """The bytes of the batch that lies at `position`."""
        return self._disk.read(self._open(), size, position)

    def first_batch_timestamp(self) -> int | None:
        """The largest timestamp of the first batch; None where there is no batch."""
        if self.first_timestamp is None:
            self.first_timestamp = next((header.max_timestamp for _, header in self.headers()), None)
        return self.first_timestamp

    # Opening, recovery, end

    def load_indexes(self) -> None:
        """Read the indexes once; rebuild them from the batches where they are missing or damaged."""
        if self._indexes_loaded:
            return
        self._indexes_loaded = True
        if not self.size:
            return  # nothing to find; what the files hold too much is cut when they are written
        try:
            self.offset_index.load(self.size)
            self.time_index.load()
        except CorruptIndexError:
            self.rebuild_indexes()
            return
        if self.size and not len(self.time_index):
            # Either no record has a timestamp or the file was lost; reading the headers tells.
            self.rebuild_indexes()
        else:
            self.max_timestamp, self.offset_of_max_timestamp = self.time_index.last_entry

    def rebuild_indexes(self) -> None:
        """Make both indexes again from the batches' headers."""
        self._forget()
        for position, header in self.headers():
            self.note_batch(position, header.size, header.last_offset, header.max_timestamp)
        self.seal()

    def next_offset(self) -> int:
        """The offset after the last batch, by walking from the last index entry."""
        self.load_indexes()
        _, position = self.offset_index.last_entry
        next_offset = self.base_offset
        for start, header in self.headers(position):
            next_offset = header.last_offset + 1
            if header.max_timestamp > self.max_timestamp:
                self.max_timestamp = header.max_timestamp
                self.offset_of_max_timestamp = header.last_offset
            self._bytes_since_entry = start + header.size - position
        return next_offset

    def recover(
        self, on_checked: Callable[[int, Sequence[tuple[int, int]]], None] = lambda _bytes, _epochs: None
    ) -> tuple[int, int]:
        """Check every batch, cut the file at the first bad byte and make the indexes again.

        Args:
            on_checked: told of good batches: their bytes, and (leader epoch, base offset) of the first one and of
                those whose epoch is not that of the one before.

        Returns:
            (the offset after the last good batch, the bytes cut off).
        """
        self._forget()
        check = self._check_in_bulk if self.size >= BULK_BYTES else self._check_one_by_one
        next_offset, good = check(on_checked)
        cut = self.size - good
        if cut:
            self._disk.truncate(self._open(), good)
            self.size = good
        self.seal()
        return next_offset, cut

    def _check_one_by_one(self, on_checked: Callable[[int, Sequence[tuple[int, int]]], None]) -> tuple[int, int]:
        """Check and account for batches; return the offset and the position after the last good one."""
        next_offset, good = self.base_offset, 0
        with suppress(CorruptRecordError):  # everything before is good, and the file ends there from now on
            for position, header, batch in self.batches():
                if not self._may_follow(next_offset, header) or not crc_is_valid(batch, 0, header):
                    break
                self.note_batch(position, header.size, header.last_offset, header.max_timestamp)
                on_checked(header.size, [(header.leader_epoch, header.base_offset)])
                next_offset = header.last_offset + 1
                good = position + header.size
        return next_offset, good

    def _check_in_bulk(self, on_checked: Callable[[int, Sequence[tuple[int, int]]], None]) -> tuple[int, int]:
        """As `_check_one_by_one`, by the kernel."""
        from kappaflow.kernel import check_batches  # a broker that starts with small logs needs none of it

        fd = self._open()
        next_offset, good, window_bytes = self.base_offset, 0, BULK_BYTES
        while good < self.size:
            window = self._disk.read(fd, min(window_bytes, self.size - good), good)
            found = check_batches(
                window,
                base_offset=self.base_offset,
                next_offset=next_offset,
                index_interval_bytes=self._interval,
                bytes_since_entry=self._bytes_since_entry,
                largest=(self.max_timestamp, self.offset_of_max_timestamp),
            )
            for last_offset, at, timestamp, offset in found.entries:
                self.offset_index.append(last_offset, good + at)
                self.time_index.append(timestamp, offset)
            if self.first_timestamp is None:
                self.first_timestamp = found.first_timestamp
            self.max_timestamp, self.offset_of_max_timestamp = found.largest
            self._bytes_since_entry, next_offset = found.bytes_since_entry, found.next_offset
            if found.size:
                on_checked(found.size, found.epochs)
            good += found.size
            window_bytes = BULK_BYTES
            if found.is_bad:
                break
            if not found.size:
                window_bytes = self._size_of_batch(window)
                if window_bytes > self.size - good or window_bytes <= len(window):
                    break  # the file, or what can be read of it, ends inside of the batch
        return next_offset, good

    @staticmethod
    def _size_of_batch(window: bytes) -> int:
        return batch_extent(window, 0)[1] if len(window) >= HEADER_SIZE else 0

    def producer_headers(self, position: int) -> Iterator[tuple[int, RecordBatchHeader]]:
        """Yield (position, header) of the batches from `position` on that producer state depends on.

        Raises:
            CorruptRecordError: at the first header that contradicts itself or batch that is cut.
        """
        if self.size - position < BULK_BYTES:
            yield from self.headers(position)
            return
        from kappaflow.kernel import producer_batches  # a broker that starts with small logs needs none of it

        fd = self._open()
        while position < self.size:
            header = parse_header(self._disk.read(fd, HEADER_SIZE, position))
            if header.size > self._header_chunk_bytes:  # its body need not be read
                if position + header.size > self.size:
                    raise CorruptRecordError(f"{self.path}: the batch at position {position} is cut")
                yield position, header
                position += header.size
                continue
            window = self._disk.read(fd, min(max(BULK_BYTES, header.size), self.size - position), position)
            found, walked, is_bad = producer_batches(window)
            for at in found:
                yield position + at, parse_header(window, at)
            position += walked
            if is_bad or not walked:
                raise CorruptRecordError(f"{self.path}: the batch at position {position} is damaged or cut")

    def _may_follow(self, next_offset: int, header: RecordBatchHeader) -> bool:
        """Whether a batch's offsets, which its CRC does not cover, go on upwards and fit the segment."""
        return next_offset <= header.base_offset and header.last_offset - self.base_offset <= MAX_RELATIVE_OFFSET

    def truncate(self, offset: int) -> int:
        """Drop every batch that reaches `offset`; return the next offset."""
        position = self.position_of(offset)
        if position is not None:
            self._disk.truncate(self._open(), position)
            self.size = position
            self._hints.clear()
            self.rebuild_indexes()
        return self.next_offset()

    def _forget(self) -> None:
        """Empty the indexes and all that was known of the batches."""
        self.offset_index.truncate(0)
        self.time_index.truncate(self.base_offset)
        self.max_timestamp = -1
        self.offset_of_max_timestamp = self.base_offset
        self.first_timestamp = None
        self._bytes_since_entry = 0
        self._hints.clear()
        self._indexes_loaded = True

    def sync(self, *, indexes: bool = False) -> None:
        """Make the batches durable, and the indexes as written by `seal`; may run in another thread.

        Raises:
            OSError: the disk failed; nothing may be assumed about what is on it.
        """
        with self._fd_lock:
            if self._fd < 0:
                return
            self._disk.sync(self._fd)
            if indexes:
                for path in (self.offset_index.path, self.time_index.path):
                    self._sync_file(path)
                for path in self.companions:
                    with suppress(FileNotFoundError):
                        self._sync_file(path)

    def write_again(self) -> None:
        """Write all bytes of the batches and the indexes over themselves, so that the next sync writes them.

        Raises:
            OSError: the disk is full or failed.
        """
        for path in (self.path, self.offset_index.path, self.time_index.path, *self.companions):
            if not path.exists():
                continue
            fd = self._disk.open(path)
            try:
                for position in range(0, self._disk.size(fd), _WRITTEN_AGAIN_BYTES):
                    self._disk.write(fd, [self._disk.read(fd, _WRITTEN_AGAIN_BYTES, position)], position)
            finally:
                self._disk.close(fd)

    def _sync_file(self, path: Path) -> None:
        fd = self._disk.open(path)
        try:
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)

    def settle(self, directory: Path) -> None:
        """Go by the lasting names, to which its files have been renamed."""
        self.path = segment_path(directory, self.base_offset, ".log")
        self.offset_index.path = segment_path(directory, self.base_offset, ".index")
        self.time_index.path = segment_path(directory, self.base_offset, ".timeindex")

    def close(self) -> None:
        """Close the file."""
        with self._fd_lock:
            if self._fd >= 0:
                self._disk.close(self._fd)
                self._fd = -1

    def delete(self) -> None:
        """Close and remove the files, the log last: what has no log is swept away at the next start."""
        self.close()
        self._disk.remove(self.offset_index.path)
        self._disk.remove(self.time_index.path)
        self._disk.remove(self.path)

    def _open(self) -> int:
        if self._fd < 0:
            self._fd = self._disk.open(self.path)
        return self._fd
