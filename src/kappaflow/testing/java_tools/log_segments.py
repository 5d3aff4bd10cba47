"""Java's DumpLogSegments over every segment of a data directory, in one JVM, and what it complains of.

    dump_log_segments(broker.data_dir)

Logs are read record by record with their checksums, every entry of both indexes is held against the log, aborted
indexes and producer snapshots are decoded.  A broker may be running on the directory: a copy is read.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kappaflow.broker.inspection import inspect_data_directory
from kappaflow.errors import StorageError
from kappaflow.storage.data_directory import META_FILE
from kappaflow.storage.log_directory import parse_directory_name
from kappaflow.testing.java_tools.tool_runner import ToolAnswer, ToolRunner

MAIN_CLASS = "org.apache.kafka.tools.DumpLogSegments"
# In the order of copying: an entry of an index is never newer than the log that it points into.
SUFFIXES = (".index", ".timeindex", ".txnindex", ".snapshot", ".log")
INDEX_SUFFIXES = (".index", ".timeindex")
_SEGMENT = re.compile(r"\d{20}\.(index|timeindex|txnindex|snapshot|log)")
_COMPLAINT = re.compile(
    r"mismatch|corrupt|out of order|not found in|isvalid: false|exception|invalid bytes at the end|error",
    re.IGNORECASE,
)
_GAP = re.compile(r"non-consecutive offsets in (\S+)", re.IGNORECASE)
_PAIR = re.compile(r" *(-?\d+) is followed by \d+")
_TORN = re.compile(r"invalid bytes at the end of (\S+)")
_LAST_LINES = 5
PART_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class DumpedSegments:
    """What was read and found in order.

    Attributes:
        partitions: directories.
        files: of all kinds.
        batches: batches whose checksum is right.
        output: all that the tool printed.
    """

    partitions: int
    files: int
    batches: int
    output: str


def dump_log_segments(
    directory: Path, *, tools: ToolRunner | None = None, running: bool = False, may_have_gaps: Iterable[str] = ()
) -> DumpedSegments:
    """Let Java read all segments of a data directory, or of one partition's directory.

    Args:
        directory: a data directory, or the directory of one partition.
        tools: a JVM to use; one of its own where left out.
        running: whether a broker writes there, so that the last batch of an active segment may be copied in part.
        may_have_gaps: topics whose offsets may have gaps; known from its journal for a whole data directory.

    Raises:
        ConfigError: Java, Maven or the jars are missing.
        StorageError: the tool complained; the message has what it said.
    """
    compacted = set(may_have_gaps)
    partitions = [directory]
    if (directory / META_FILE).exists():
        topics = inspect_data_directory(directory, topic="")["topics"]  # of no topic the segments, of all the configs
        compacted |= {t["name"] for t in topics if "compact" in t["configs"].get("cleanup.policy", "")}
        partitions = [each for each in sorted(directory.iterdir()) if each.is_dir() and parse_directory_name(each.name)]
    with tempfile.TemporaryDirectory(prefix="kappa-dump-") as scratch:
        copies = [_copied(each, Path(scratch) / each.name) for each in partitions]
        files = [file for copy in copies for file in sorted(copy.iterdir())]
        if not files:
            return DumpedSegments(0, 0, 0, "")
        if tools is None:
            with ToolRunner() as own:
                output = _dumped(own, files, compacted, running)
        else:
            output = _dumped(tools, files, compacted, running)
    return DumpedSegments(len(copies), len(files), output.count("isvalid: true"), output)


def _copied(partition: Path, to: Path) -> Path:
    """A copy of a partition's directory in which indexes and logs belong together."""
    while True:
        to.mkdir()
        before = _inodes(partition)
        for suffix in SUFFIXES:
            for file in sorted(partition.glob(f"*{suffix}")):
                if _SEGMENT.fullmatch(file.name):
                    try:
                        shutil.copyfile(file, to / file.name)
                    except FileNotFoundError:
                        continue
        # Cleaning replaces whole segments: then indexes and logs of the copy may be of different ones.
        after = _inodes(partition)
        if all(after.get(name, inode) == inode for name, inode in before.items()):
            break
        shutil.rmtree(to)
    for file in [found for suffix in INDEX_SUFFIXES for found in to.glob(f"*{suffix}")]:
        if not file.with_suffix(".log").exists():
            file.unlink()
    return to


def _inodes(partition: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for file in partition.glob("*.log"):
        try:
            found[file.name] = file.stat().st_ino
        except FileNotFoundError:
            continue
    return found


def _dumped(tools: ToolRunner, files: list[Path], compacted: set[str], running: bool) -> str:
    """What the tool printed when it read everything, then the indexes by every entry.

    Raises:
        StorageError: it complained.
    """
    whole = ("--deep-iteration", "--index-sanity-check", "--files")
    indexes = [file for file in files if file.suffix in INDEX_SUFFIXES]
    answers = [tools.call(MAIN_CLASS, *whole, ",".join(map(str, part))) for part in _parts(files)]
    records = "".join(answer.out for answer in answers)
    if indexes:
        options = ("--deep-iteration", "--verify-index-only", "--files", ",".join(map(str, indexes)))
        answers.append(tools.call(MAIN_CLASS, *options))
    found = [line for answer in answers for line in _complaints(answer, compacted, running)]
    for answer in answers:
        if answer.code:
            found += answer.err.splitlines()[:_LAST_LINES] or [f"ended with code {answer.code}"]
    if found:
        raise StorageError("Java's DumpLogSegments complains:\n" + "\n".join(found[:20]))
    return records


def _parts(files: list[Path]) -> list[list[Path]]:
    """The files in parts that the JVM can hold the output of; those of one partition follow each other."""
    parts: list[list[Path]] = [[]]
    size = 0
    for file in files:
        length = file.stat().st_size
        if parts[-1] and size + length > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(file)
        size += length
    return parts


def _complaints(answer: ToolAnswer, compacted: set[str], running: bool) -> list[str]:
    """Lines that complain, with what follows them; gaps of compacted topics and a half copied tail are none."""
    found: list[str] = []
    actives: dict[Path, Path] = {}
    for file in re.findall(r"^Dumping (\S+\.log)$", answer.out, re.MULTILINE):
        actives[Path(file).parent] = max(actives.get(Path(file).parent, Path(file)), Path(file))
    file_with_gaps = ""
    for line in (answer.out + answer.err).splitlines():
        gap, pair, torn = _GAP.search(line), _PAIR.fullmatch(line), _TORN.search(line)
        if gap:
            file_with_gaps = gap[1]
        elif pair:
            # The tool of 4.3 takes -1 for the offset before any segment; a segment that follows another starts later.
            if (
                pair[1] != "-1"
                and (parse_directory_name(Path(file_with_gaps).parent.name) or ("",))[0] not in compacted
            ):
                found.append(f"{file_with_gaps}: {line.strip()}")
        elif _COMPLAINT.search(line) and not (torn and running and Path(torn[1]) in actives.values()):
            found.append(line)
    return found
