"""The values that properties may have, by the types that Kafka and ksqlDB give them.

A query with a value that cannot be read would be taken, written to the command topic, and fail wherever it runs.
Source: the configurations of Apache Kafka 4.3 and of ksqlDB
"""

from __future__ import annotations

from kappaflow.errors import ConfigError

STREAMS_PREFIX = "ksql.streams."
PREFIXES = (STREAMS_PREFIX, "main.consumer.", "restore.consumer.", "global.consumer.", "consumer.", "producer.")
INTEGERS = frozenset(
    """
    acceptable.recovery.lag auto.commit.interval.ms batch.size buffer.memory buffered.records.per.partition
    cache.max.bytes.buffering commit.interval.ms connections.max.idle.ms delivery.timeout.ms fetch.max.bytes
    fetch.max.wait.ms fetch.min.bytes heartbeat.interval.ms linger.ms max.block.ms
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records
    max.request.size max.task.idle.ms max.warmup.replicas metadata.max.age.ms metrics.num.samples
    metrics.sample.window.ms num.standby.replicas num.stream.threads poll.ms probing.rebalance.interval.ms
    receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms repartition.purge.interval.ms
    replication.factor request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms send.buffer.bytes
    session.timeout.ms state.cleanup.delay.ms statestore.cache.max.bytes task.timeout.ms transaction.timeout.ms
    ksql.assert.schema.default.timeout.ms ksql.assert.topic.default.timeout.ms ksql.functions.collect_list.limit
    ksql.functions.collect_set.limit ksql.logging.processing.topic.partitions
    ksql.logging.processing.topic.replication.factor ksql.max.push.queries ksql.query.persistent.active.limit
    """.split()
)
NOT_NEGATIVE = frozenset(
    """
    cache.max.bytes.buffering commit.interval.ms repartition.purge.interval.ms session.timeout.ms
    statestore.cache.max.bytes transaction.timeout.ms ksql.assert.schema.default.timeout.ms
    ksql.assert.topic.default.timeout.ms
    """.split()
)
BOOLEANS = frozenset(
    """
    check.crcs enable.auto.commit enable.idempotence exclude.internal.topics ksql.create.or.replace.enabled
    ksql.fail.on.deserialization.error ksql.fail.on.production.error ksql.headers.columns.enabled
    ksql.insert.into.values.enabled ksql.lambdas.enabled ksql.logging.processing.rows.include
    ksql.logging.processing.stream.auto.create ksql.logging.processing.topic.auto.create
    ksql.new.query.planner.enabled ksql.persistence.wrap.single.values ksql.pull.queries.enable
    ksql.query.pull.limit.clause.enabled ksql.query.pull.range.scan.enabled ksql.query.pull.stream.enabled
    ksql.query.pull.table.scan.enabled ksql.query.push.v2.enabled ksql.source.table.materialization.enabled
    ksql.suppress.enabled ksql.timestamp.throw.on.invalid ksql.udfs.enabled
    """.split()
)
CHOICES = {
    "auto.offset.reset": ("earliest", "latest"),
    "isolation.level": ("read_committed", "read_uncommitted"),
    "processing.guarantee": ("at_least_once", "exactly_once_v2"),
}


def plain_name(name: str) -> str:
    """Return a property's name without the prefix that says whom it is for.

    >>> plain_name("ksql.streams.consumer.max.poll.records")
    'max.poll.records'
    """
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def integer_of(name: str, value: str) -> int:
    """Return the number that a property has.

    Raises:
        ConfigError: it is no number.

    >>> integer_of("commit.interval.ms", " 100")
    100
    """
    try:
        return int(value)
    except ValueError:
        raise ConfigError(_refused(name, value, "Not a number of type LONG.")) from None


def check_value_of(name: str, value: str) -> None:
    """Refuse a value that a property cannot have; one that is empty sets nothing.

    Raises:
        ConfigError: names the property and what it may be.

    >>> check_value_of("ksql.streams.commit.interval.ms", "abc")
    Traceback (most recent call last):
      ...
    kappaflow.errors.ConfigError: Invalid value 'abc' for property 'ksql.streams.commit.interval.ms': Not a number of \
type LONG.
    """
    plain, text = plain_name(name), value.strip()
    if not text and plain not in CHOICES:
        return
    if plain in INTEGERS:
        number = integer_of(name, text)
        if number < 0 and plain in NOT_NEGATIVE:
            raise ConfigError(_refused(name, value, "Value must be at least 0."))
    elif plain in BOOLEANS and text.lower() not in ("true", "false"):
        raise ConfigError(_refused(name, value, "it may be 'true' or 'false'."))
    elif plain in CHOICES and text.lower() not in CHOICES[plain]:
        first, last = (f"'{choice}'" for choice in CHOICES[plain])
        raise ConfigError(_refused(name, value, f"it may be {first} or {last}."))


def _refused(name: str, value: str, why: str) -> str:
    return f"Invalid value '{value}' for property '{name}': {why}"
