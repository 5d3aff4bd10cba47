"""What a data directory holds as a whole: topics, partitions, groups' offsets, transactions; nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kappaflow.broker.coordinators.offset_store import OffsetStore
from kappaflow.errors import DataDirectoryError
from kappaflow.storage.data_directory import META_FILE
from kappaflow.storage.inspection import inspect_partition, read_journal
from kappaflow.storage.log_directory import CLEAN_SHUTDOWN_FILE, parse_directory_name

Row = dict[str, Any]


def inspect_data_directory(path: Path, *, topic: str | None = None, with_batches: bool = False) -> Row:
    """Everything in a data directory, as plain values.

    Args:
        path: the data directory.
        topic: only this topic's partitions.
        with_batches: also every batch.

    Raises:
        DataDirectoryError: it is not one of ours.
        StorageError: a journal is not one.
    """
    meta = path / META_FILE
    if not meta.exists():
        raise DataDirectoryError(f"{path} is not a data directory of kappaflow: it has no {META_FILE}")
    values = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
    journals = {each.stem: read_journal(each) for each in sorted(path.glob("*.journal"))}
    metadata = journals.get("metadata", ([], 0))[0]
    partitions: list[Row] = []
    for directory in sorted(path.iterdir(), key=lambda each: parse_directory_name(each.name) or ("", -1)):
        parsed = parse_directory_name(directory.name)
        if directory.is_dir() and parsed and topic in (None, parsed[0]):
            partition = inspect_partition(directory, with_batches=with_batches)
            partitions.append({"topic": parsed[0], "partition": parsed[1], **partition})
    return {
        "path": str(path),
        "cluster_id": values.get("cluster.id"),
        "node_id": values.get("node.id"),
        "closed_cleanly": (path / CLEAN_SHUTDOWN_FILE).exists(),
        "journals": [
            {"name": name, "records": len(documents), "torn_bytes": torn}
            for name, (documents, torn) in journals.items()
        ],
        "topics": _topics(metadata),
        "partitions": partitions,
        "groups": _groups(journals.get("offsets", ([], 0))[0]),
        "transactions": _transactions([each for documents, _ in journals.values() for each in documents]),
    }


def _topics(entries: list[Row]) -> list[Row]:
    topics: dict[str, Row] = {}
    for entry in entries:
        topic_id = entry.get("topic_id", "")
        match entry["type"]:
            case "topic_created":
                fields = ("name", "topic_id", "partitions", "configs")
                topics[topic_id] = {field: entry[field] for field in fields}
            case "topic_deleted":
                topics.pop(topic_id, None)
            case "partitions_added" if topic_id in topics:
                topics[topic_id]["partitions"] = entry["partitions"]
            case "topic_configured" if topic_id in topics:
                topics[topic_id]["configs"] = entry["configs"]
            case _:
                pass
    return sorted(topics.values(), key=lambda topic: topic["name"])


def _groups(entries: list[Row]) -> list[Row]:
    store = OffsetStore(lambda _entry: None)
    for entry in entries:
        store.replay(entry)
    return [
        {
            "group": group,
            "topic": topic,
            "partition": partition,
            "offset": held.offset,
            "metadata": held.metadata,
            "commit_time_ms": held.commit_time_ms,
        }
        for group in sorted(store.groups())
        for (topic, partition), held in sorted(store.of_group(group).items())
    ]


def _transactions(entries: list[Row]) -> list[Row]:
    """The last entry of each transactional id that is not forgotten."""
    last: dict[str, Row] = {}
    for entry in entries:
        if entry["type"] == "transaction":
            last[entry["transactional_id"]] = entry
        elif entry["type"] == "transaction_expired":
            last.pop(entry["name"], None)
    return [last[name] for name in sorted(last)]
