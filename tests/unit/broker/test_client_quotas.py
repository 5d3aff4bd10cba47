"""Quotas by hand-moved time: who is bound by which, how long a pause is, what a restart keeps."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.broker.quotas.client_quotas import ClientQuotas
from kappaflow.broker.quotas.entities import Entity, check_value, make_entity
from kappaflow.broker.quotas.quota_store import QuotaStore
from kappaflow.broker.quotas.rate import SampledRate
from kappaflow.broker.quotas.token_bucket import TokenBucket
from kappaflow.errors import BrokerError
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.error_codes import ErrorCode

KEY = "producer_byte_rate"
ENTITIES: list[tuple[Entity, tuple[str, str]]] = [
    (make_entity([("user", "u"), ("client-id", "c")]), ("u", "c")),
    (make_entity([("user", "u"), ("client-id", None)]), ("u", "c")),
    (make_entity([("user", "u")]), ("u", "")),
    (make_entity([("user", None), ("client-id", "c")]), ("u", "c")),
    (make_entity([("user", None), ("client-id", None)]), ("u", "c")),
    (make_entity([("user", None)]), ("u", "")),
    (make_entity([("client-id", "c")]), ("", "c")),
    (make_entity([("client-id", None)]), ("", "c")),
]
"""From the one that counts first to the one that counts last."""


def quotas(clock: ManualClock | None = None) -> ClientQuotas:
    return ClientQuotas(QuotaStore(lambda _: None), clock or ManualClock(), samples=11, window_ms=1000)


def test_the_closest_quota_binds() -> None:
    held = quotas()
    assert held.binding(KEY, "u", "c") is None
    for limit, (entity, together) in enumerate(reversed(ENTITIES), 1):
        held.store.put(entity, {KEY: limit})
        assert held.binding(KEY, "u", "c") == (limit, together)
    for entity, _ in ENTITIES:
        bound = held.binding(KEY, "u", "c")
        assert bound is not None and held.store.of_entity(entity)[KEY] == bound[0]
        held.store.put(entity, {})
    assert held.binding(KEY, "u", "c") is None
    assert not held.store.limits_clients


def test_a_quota_of_another_kind_does_not_hide_one() -> None:
    held = quotas()
    held.store.put(ENTITIES[0][0], {"consumer_byte_rate": 5})
    held.store.put(ENTITIES[-1][0], {KEY: 7})
    assert held.binding(KEY, "u", "c") == (7, ("", "c"))


def test_clients_of_one_user_are_counted_together_and_those_of_defaults_are_not() -> None:
    clock = ManualClock()
    held = quotas(clock)
    held.store.put(make_entity([("user", "u")]), {KEY: 100})
    held.store.put(make_entity([("user", None)]), {KEY: 100})
    assert held.use(KEY, "u", "one", 1000) == 0
    assert held.use(KEY, "u", "two", 1000) > 0
    assert held.use(KEY, "v", "one", 1000) == 0
    assert held.use(KEY, "w", "one", 1000) == 0


def test_a_pause_brings_the_rate_back_to_the_limit() -> None:
    clock = ManualClock(1_000_000)
    rate = SampledRate(11, 1000)
    rate.record(30_000, clock.time_ms())
    # The first ten windows are taken as passed: 3000 a second, three times the limit.
    assert rate.throttle_ms(1000, clock.time_ms()) == 20_000
    clock.advance(5_000)
    assert rate.throttle_ms(1000, clock.time_ms()) == 20_000
    clock.advance(6_001)
    assert rate.throttle_ms(1000, clock.time_ms()) == 0


def test_a_steady_rate_at_the_limit_is_never_held_back() -> None:
    clock = ManualClock(5)
    rate = SampledRate(11, 1000)
    for _ in range(300):
        rate.record(100, clock.time_ms())
        assert rate.throttle_ms(1100, clock.time_ms()) == 0
        clock.advance(100)


def test_what_is_given_back_does_not_count() -> None:
    held = quotas()
    held.store.put(make_entity([("client-id", "c")]), {KEY: 10})
    assert held.use(KEY, "u", "c", 1000) > 0
    held.give_back(KEY, "u", "c", 1000)
    assert held.use(KEY, "u", "c", 100) == 0


def test_a_bucket_lends_once_and_fills_steadily() -> None:
    bucket = TokenBucket(10_000)
    assert bucket.throttle_ms(2, 0) == 0
    bucket.take(30, 2, 0)
    assert bucket.throttle_ms(2, 0) == 5_000
    assert bucket.throttle_ms(2, 4_000) == 1_000
    assert bucket.throttle_ms(2, 5_000) == 0
    bucket.take(20, 2, 60_000)
    assert bucket.throttle_ms(2, 60_000) == 0


def test_strict_changes_are_refused_while_there_is_a_debt() -> None:
    clock = ManualClock()
    held = quotas(clock)
    held.store.put(make_entity([("user", None)]), {"controller_mutation_rate": 1})
    assert held.use_mutations("u", "c", 12, strict=True) == 0
    assert held.use_mutations("u", "c", 1, strict=True) == 1_000
    assert held.use_mutations("u", "c", 1, strict=False) == 2_000
    clock.advance(2_000)
    assert held.use_mutations("u", "c", 1, strict=True) == 0


def test_connections_are_counted_by_address() -> None:
    held = quotas()
    held.store.put(make_entity([("ip", None)]), {"connection_creation_rate": 1})
    held.store.put(make_entity([("ip", "10.0.0.9")]), {"connection_creation_rate": 5})
    assert [held.use_connection("10.0.0.1") > 0 for _ in range(12)] == [False] * 10 + [True] * 2
    assert held.use_connection("10.0.0.9") == 0
    assert held.store.limits_addresses and not held.store.limits_clients


def test_the_journal_brings_quotas_back() -> None:
    journal: list[dict[str, Any]] = []
    store = QuotaStore(journal.append)
    for number, (entity, _) in enumerate(ENTITIES, 1):
        store.put(entity, {KEY: number, "request_percentage": 12.5})
    store.put(ENTITIES[3][0], {})
    for entries in (journal, store.snapshot()):
        again = QuotaStore(lambda _: None)
        for entry in entries:
            again.replay(entry)
        assert dict(again.all()) == dict(store.all())


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], ErrorCode.INVALID_REQUEST),
        ([("user", "")], ErrorCode.INVALID_REQUEST),
        ([("user", "a"), ("user", "b")], ErrorCode.INVALID_REQUEST),
        ([("ip", "1.2.3.4"), ("user", "a")], ErrorCode.INVALID_REQUEST),
        ([("group", "a")], ErrorCode.INVALID_REQUEST),
        ([("ip", "no:ip")], ErrorCode.INVALID_REQUEST),
    ],
)
def test_entities_that_make_no_sense_are_refused(parts: list[tuple[str, str]], code: ErrorCode) -> None:
    with pytest.raises(BrokerError) as failure:
        make_entity(parts)
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("entity", "key", "value"),
    [
        ((("user", "u"),), "connection_creation_rate", 1),
        ((("ip", "u"),), "producer_byte_rate", 1),
        ((("ip", "u"),), "connection_creation_rate", 2**31),
        ((("user", "u"),), "consumer_byte_rate", 1e19),
        ((("user", "u"),), "producer_byte_rate", 0),
        ((("user", "u"),), "producer_byte_rate", 1.5),
        ((("user", "u"),), "request_percentage", float("nan")),
        ((("user", "u"),), "no_such_rate", 1),
    ],
)
def test_values_that_make_no_sense_are_refused(entity: Entity, key: str, value: float) -> None:
    with pytest.raises(BrokerError):
        check_value(entity, key, value)
