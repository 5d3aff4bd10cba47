"""A process of its own that writes orders at a steady rate: ``paced_producer HOST:PORT TOPIC RATE SECONDS``.

The timestamp of a record is the moment at which it is handed to the producer.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from confluent_kafka import Producer

from benchmarks.order_formats import encoder
from benchmarks.orders import ITEMS, UNITS_SCALE

TICK_SECONDS = 0.002
KEYS = 10_000


def main() -> int:
    """Write, then print how many records were written."""
    bootstrap, topic, rate, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "partitioner": "murmur2"})
    random = np.random.default_rng(7)
    count = int(rate * seconds)
    keys = random.integers(0, KEYS, count).tolist()
    items = random.integers(0, ITEMS, count).tolist()
    units = random.integers(0, 100 * UNITS_SCALE, count).tolist()
    encode = encoder("JSON")
    begin = time.time()
    sent = 0
    while sent < count:
        due = min(count, int((time.time() - begin) * rate))
        while sent < due:
            now = int(time.time() * 1000)
            value = encode(now, sent, items[sent], units[sent] / UNITS_SCALE, sent % 100, sent % 50, 12345)
            producer.produce(topic, value, str(keys[sent]), timestamp=now)
            sent += 1
        producer.poll(0)
        time.sleep(TICK_SECONDS)
    producer.flush()
    print(sent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
