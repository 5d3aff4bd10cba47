"""Which quota binds which client, and how much of it is used."""

from __future__ import annotations

from kappaflow.broker.quotas.entities import (
    CONNECTION_CREATION_RATE,
    CONTROLLER_MUTATION_RATE,
    DEFAULT_ENTITY,
    IP,
    CountKey,
    candidates,
)
from kappaflow.broker.quotas.quota_store import QuotaStore
from kappaflow.broker.quotas.rate import SampledRate
from kappaflow.broker.quotas.token_bucket import TokenBucket
from kappaflow.runtime.clock import Clock

MAX_REMEMBERED = 20_000
"""Clients whose limits and counts are kept; the oldest are forgotten first."""

Binding = tuple[float, CountKey] | None
"""A limit and who is counted together; None where nothing limits."""


class ClientQuotas:
    """Counts what clients use and says how long they must pause.

    Args:
        store: the quotas that are set.
        clock: the time.
        samples: ``quota.window.num``.
        window_ms: ``quota.window.size.seconds`` in milliseconds.
    """

    def __init__(self, store: QuotaStore, clock: Clock, samples: int, window_ms: int) -> None:
        self.store = store
        self.window_ms = window_ms
        self._clock = clock
        self._samples = samples
        self._bindings: dict[tuple[str, str, str], Binding] = {}
        self._generation = store.generation
        self._rates: dict[tuple[str, CountKey], SampledRate] = {}
        self._buckets: dict[CountKey, TokenBucket] = {}

    def binding(self, key: str, user: str, client_id: str) -> Binding:
        """The limit that binds a client."""
        if self._generation != self.store.generation or len(self._bindings) > MAX_REMEMBERED:
            self._bindings.clear()
            self._generation = self.store.generation
        name = (key, user, client_id)
        if name not in self._bindings:
            self._bindings[name] = self._find(key, user, client_id)
        return self._bindings[name]

    def _find(self, key: str, user: str, client_id: str) -> Binding:
        for entity, together in candidates(user, client_id):
            limit = self.store.of_entity(entity).get(key)
            if limit is not None:
                return limit, together
        return None

    def use(self, key: str, user: str, client_id: str, amount: float) -> int:
        """Count an amount and give the pause in milliseconds that it makes due."""
        bound = self.binding(key, user, client_id)
        if bound is None:
            return 0
        limit, together = bound
        return self._use((key, together), limit, amount)

    def give_back(self, key: str, user: str, client_id: str, amount: float) -> None:
        """Take an amount from the count that was not used after all."""
        bound = self.binding(key, user, client_id)
        if bound is not None:
            self._rate((key, bound[1])).record(-amount, self._clock.time_ms())

    def use_connection(self, address: str) -> int:
        """Count a new connection; the pause in milliseconds where there are too many from its address."""
        for name in (address, DEFAULT_ENTITY):
            limit = self.store.of_entity(((IP, name),)).get(CONNECTION_CREATION_RATE)
            if limit is not None:
                name_of_rate = (CONNECTION_CREATION_RATE, (address, ""))
                pause_ms = self._use(name_of_rate, limit, 1)
                if pause_ms:
                    self._rate(name_of_rate).record(-1, self._clock.time_ms())
                return min(pause_ms, self.window_ms)
        return 0

    def use_mutations(self, user: str, client_id: str, amount: float, *, strict: bool) -> int:
        """Take an amount of changes of topics.

        Args:
            user: the client's user.
            client_id: the client's id.
            amount: partitions made or removed.
            strict: take nothing where earlier changes are still in debt.

        Returns:
            The pause in milliseconds; with `strict` and a pause nothing was taken, or the debt is new.
        """
        bound = self.binding(CONTROLLER_MUTATION_RATE, user, client_id)
        if bound is None:
            return 0
        limit, together = bound
        bucket = self._buckets.setdefault(together, TokenBucket(self._samples * self.window_ms))
        now_ms = self._clock.time_ms()
        if strict and (debt_ms := bucket.throttle_ms(limit, now_ms)):
            return debt_ms
        bucket.take(amount, limit, now_ms)
        return 0 if strict else bucket.throttle_ms(limit, now_ms)

    def _use(self, name: tuple[str, CountKey], limit: float, amount: float) -> int:
        rate = self._rate(name)
        now_ms = self._clock.time_ms()
        rate.record(amount, now_ms)
        return rate.throttle_ms(limit, now_ms)

    def _rate(self, name: tuple[str, CountKey]) -> SampledRate:
        rate = self._rates.get(name)
        if rate is None:
            if len(self._rates) >= MAX_REMEMBERED:
                del self._rates[next(iter(self._rates))]
            rate = self._rates[name] = SampledRate(self._samples, self.window_ms)
        return rate
