"""A bucket of tokens that fills steadily: limits bursts of costly changes.

Source: KIP-599.
"""

from __future__ import annotations


class TokenBucket:
    """Tokens that come at a rate, up to what a whole measuring time brings; taking may leave a debt.

    Args:
        burst_ms: the measuring time.
    """

    __slots__ = ("_burst_ms", "_tokens", "_updated_ms")

    def __init__(self, burst_ms: int) -> None:
        self._burst_ms = burst_ms
        self._tokens = 0.0
        self._updated_ms: int | None = None

    def take(self, amount: float, rate: float, now_ms: int) -> None:
        """Take tokens, whether or not they are there."""
        self._fill(rate, now_ms)
        self._tokens -= amount

    def throttle_ms(self, rate: float, now_ms: int) -> int:
        """How long until there is no debt."""
        self._fill(rate, now_ms)
        return round(-self._tokens / rate * 1000) if self._tokens < 0 else 0

    def _fill(self, rate: float, now_ms: int) -> None:
        full = rate * self._burst_ms / 1000
        if self._updated_ms is None:
            self._tokens = full
        else:
            self._tokens = min(full, self._tokens + rate * (now_ms - self._updated_ms) / 1000)
        self._updated_ms = now_ms
