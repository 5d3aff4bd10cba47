"""Events, clicks and users for the handover, and what the application has to make of all of them, computed at once."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from kappaflow.runtime.clock import SYSTEM_CLOCK

AGO_MS = 7_200_000
STEP_MS = 100
JITTER_MS = 1_000
WINDOW_MS = 10_000
NEAR_MS = 5_000
GAP_MS = 3_000
CLOSING_MS = 3_600_000
ITEMS = 6
CLOSER = "~close"


@dataclass(frozen=True)
class Sent:
    """A record of an input topic; partition None is the one of its key."""

    topic: str
    key: str
    value: str
    time: int
    partition: int | None = None


@dataclass
class Batch:
    """What was sent so far, and the results that belong to it.

    Attributes:
        start_ms: the time of the first event; brokers delete what changelogs of windows say of long ago.
        count: events so far; the next one has this number.
        breaks: how often users got new names: no event of before is as late, none of later as early.
    """

    rng: random.Random
    user_count: int = 12
    start_ms: int = field(default_factory=lambda: SYSTEM_CLOCK.time_ms() - AGO_MS)
    count: int = 0
    breaks: int = 0
    sent: list[Sent] = field(default_factory=list[Sent])

    def users(self, version: int) -> list[Sent]:
        """Give every user but the last a new name, behind all events so far and before all that come."""
        self.breaks += 1
        time = self._time(self.count) - 2 * JITTER_MS
        return self._keep(
            [Sent("users", f"u{user}", f"name{user}.{version}", time) for user in range(self.user_count - 1)]
        )

    def events(self, count: int) -> list[Sent]:
        """Go on with events and clicks; events of a partition come out of order, by up to two seconds."""
        rng, made = self.rng, list[Sent]()
        for number in range(self.count, self.count + count):
            time, user = self._time(number), f"u{rng.randrange(self.user_count)}"
            value = f"item{rng.randrange(ITEMS)},{rng.randrange(1_000)},{number}"
            made.append(Sent("events", user, value, time + rng.randrange(-JITTER_MS + 1, JITTER_MS)))
            if rng.random() < 0.15:
                made.append(Sent("clicks", f"u{rng.randrange(self.user_count)}", f"click{number}", time))
        self.count += count
        return self._keep(made)

    def closers(self, partitions: int) -> list[Sent]:
        """Let the time of every partition pass beyond all windows."""
        time = self.start_ms + CLOSING_MS
        return self._keep([Sent("events", f"{CLOSER}{p}", f"closer,0,{-1 - p}", time, p) for p in range(partitions)])

    def _time(self, number: int) -> int:
        return self.start_ms + number * STEP_MS + self.breaks * 4 * JITTER_MS

    def _keep(self, made: list[Sent]) -> list[Sent]:
        self.sent += made
        return made

    def of(self, topic: str) -> list[Sent]:
        """What was sent to a topic."""
        return [each for each in self.sent if each.topic == topic]

    # ---- what has to be the result ----

    def totals(self) -> dict[str, tuple[int, int]]:
        """Count and sum by item."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.of("events"):
            item, amount, _ = each.value.split(",")
            count, total = found.get(item, (0, 0))
            found[item] = (count + 1, total + int(amount))
        return found

    def windows(self) -> Counter[tuple[str, int]]:
        """Events by user and window."""
        return Counter((each.key, each.time // WINDOW_MS * WINDOW_MS) for each in self.of("events"))

    def sessions(self) -> dict[tuple[str, int, int], int]:
        """Events by user and session."""
        times: dict[str, list[int]] = defaultdict(list)
        for each in self.of("events"):
            times[each.key].append(each.time)
        found: dict[tuple[str, int, int], int] = {}
        for user, each in times.items():
            each.sort()
            first = 0
            for at in range(1, len(each) + 1):
                if at == len(each) or each[at] - each[at - 1] > GAP_MS:
                    found[user, each[first], each[at - 1]] = at - first
                    first = at
        return found

    def enriched(self) -> Counter[tuple[str, str]]:
        """Events with the name that their user had then."""
        names: dict[str, list[Sent]] = defaultdict(list)
        for row in self.of("users"):
            names[row.key].append(row)
        found: Counter[tuple[str, str]] = Counter()
        for each in self.of("events"):
            known = [row for row in names[each.key] if row.time <= each.time]
            if known:
                found[each.key, f"{each.value}@{known[-1].value}"] += 1
        return found

    def near(self) -> Counter[tuple[str, str]]:
        """Events with the clicks of their user that are near, or with none."""
        clicks: dict[str, list[Sent]] = defaultdict(list)
        for click in self.of("clicks"):
            clicks[click.key].append(click)
        found: Counter[tuple[str, str]] = Counter()
        for each in self.of("events"):
            partners = [c.value for c in clicks[each.key] if abs(c.time - each.time) <= NEAR_MS]
            if not each.key.startswith(CLOSER):  # nothing comes that would end their wait
                found.update((each.key, f"{each.value}&{partner}") for partner in partners or ["null"])
        return found
