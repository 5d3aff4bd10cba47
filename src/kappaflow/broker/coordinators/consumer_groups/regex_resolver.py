"""Which topics the regular expressions of a group mean, looked up outside of heartbeats.

All expressions of a group are looked up together, so that new topics cause one rebalance, and not more often than
every `REFRESH_PAUSE_MS`.

Source: KIP-848, "Regular Expression Based Subscription".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from kappaflow.broker.coordinators.consumer_groups.changes import PutRegex, ResolvedRegex
from kappaflow.broker.coordinators.consumer_groups.edit import GroupEdit
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup, TopicDirectory
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember
from kappaflow.broker.coordinators.consumer_groups.regex_syntax import RegexSyntaxError
from kappaflow.broker.coordinators.consumer_groups.requests import group_error
from kappaflow.broker.coordinators.consumer_groups.topic_regex import topic_regex
from kappaflow.runtime.clock import Clock
from kappaflow.wire.error_codes import ErrorCode

REFRESH_PAUSE_MS = 10_000


class RegexChange(Enum):
    """What a heartbeat did to the member's expression."""

    NONE = "unchanged"
    UPDATED = "another one, of which the topics are not known yet"
    RESOLVED = "another one, of which the topics are known"


class RegexResolver:
    """Looks expressions up.

    Args:
        topics: the topics that there are.
        clock: the time.
        refresh_interval_ms: how old a look-up may be.
    """

    def __init__(self, topics: TopicDirectory, clock: Clock, refresh_interval_ms: int) -> None:
        self._topics = topics
        self._clock = clock
        self._refresh_interval_ms = refresh_interval_ms
        self._running: set[str] = set()

    def note_change(self, edit: GroupEdit, before: ConsumerMember, after: ConsumerMember) -> RegexChange:
        """See to it that a member's new expression can be used; the edit holds the member already.

        Raises:
            BrokerError: INVALID_REGULAR_EXPRESSION.
        """
        if before.regex == after.regex:
            return RegexChange.NONE
        edit.drop_unused_regexes()
        if not after.regex:
            return RegexChange.RESOLVED
        if edit.group.subscribers(after.regex) == 1:
            _check(after.regex)
        return RegexChange.RESOLVED if after.regex in edit.group.regexes else RegexChange.UPDATED

    def is_due(self, group: ConsumerGroup, known: Mapping[str, ResolvedRegex]) -> bool:
        """Whether expressions of a group have to be looked up now.

        Args:
            group: the group, after a heartbeat.
            known: what was known of its expressions before: one that this heartbeat drops was looked up all the same.
        """
        subscribed = group.subscribed_regexes()
        if not subscribed or group.group_id in self._running:
            return False
        if not known:
            return True
        last = next(iter(known.values()))
        age_ms = self._clock.time_ms() - last.time_ms
        if age_ms <= REFRESH_PAUSE_MS:
            return False
        return (
            subscribed != set(known)
            or last.version < self._topics.newest_topic_version
            or age_ms > self._refresh_interval_ms
        )

    def begin(self, group: ConsumerGroup) -> None:
        """A look-up is under way."""
        self._running.add(group.group_id)

    def finish(self, edit: GroupEdit, can_describe: Callable[[str], bool]) -> None:
        """Look up, and begin an epoch where an expression means other topics than before.

        Args:
            edit: the group.
            can_describe: whether the member that asked may see a topic.
        """
        group = edit.group
        names = [name for name in self._topics.names() if can_describe(name)]
        bump = False
        for text in sorted(group.subscribed_regexes()):
            matches = topic_regex(text).matches
            found = frozenset(name for name in names if matches(name))
            known = group.regexes.get(text)
            bump = bump or found != (known.topics if known else frozenset())
            edit.apply(PutRegex(text, ResolvedRegex(found, self._clock.time_ms(), self._topics.version)))
        edit.refresh_metadata(bump=bump)

    def end(self, group_id: str) -> None:
        """The look-up is over, whatever came of it."""
        self._running.discard(group_id)


def _check(text: str) -> None:
    try:
        topic_regex(text)
    except RegexSyntaxError as error:
        raise group_error(
            ErrorCode.INVALID_REGULAR_EXPRESSION,
            f"SubscribedTopicRegex `{text}` is not a valid regular expression: {error}.",
        ) from None
