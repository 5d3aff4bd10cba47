"""A rate over the last windows of time, as Kafka measures what its quotas limit.

Source: KIP-13; ``quota.window.num`` and ``quota.window.size.seconds``.
"""

from __future__ import annotations

from collections import deque


class SampledRate:
    """Amounts per second over up to `samples` windows, the last of which is not over yet.

    Args:
        samples: how many windows are remembered.
        window_ms: how long each is.
    """

    __slots__ = ("_samples", "_total", "_window_ms", "_windows")

    def __init__(self, samples: int, window_ms: int) -> None:
        self._samples = samples
        self._window_ms = window_ms
        self._windows: deque[tuple[int, float]] = deque()
        self._total = 0.0

    def record(self, amount: float, now_ms: int) -> None:
        """Add an amount."""
        self._forget(now_ms)
        start_ms, held = self._windows.pop() if self._windows else (now_ms, 0.0)
        if now_ms - start_ms >= self._window_ms:
            self._windows.append((start_ms, held))
            start_ms, held = now_ms, 0.0
        self._windows.append((start_ms, held + amount))
        self._total += amount

    def throttle_ms(self, limit: float, now_ms: int) -> int:
        """How long nothing may come so that the rate is back at `limit` per second; 0 where it is not over it."""
        self._forget(now_ms)
        # Young rates count as if all windows but the current one were there, so that a first burst may pass.
        elapsed_ms = now_ms - self._windows[0][0] if self._windows else 0
        full_windows = elapsed_ms // self._window_ms
        if full_windows < self._samples - 1:
            elapsed_ms += (self._samples - 1 - full_windows) * self._window_ms
        elapsed_ms = max(elapsed_ms, 1)
        rate = self._total * 1000 / elapsed_ms
        return round((rate - limit) / limit * elapsed_ms) if rate > limit else 0

    def _forget(self, now_ms: int) -> None:
        oldest_ms = now_ms - self._samples * self._window_ms
        while self._windows and self._windows[0][0] <= oldest_ms:
            self._total -= self._windows.popleft()[1]
        if not self._windows:
            self._total = 0.0
