"""Internal topics: how many partitions they get, how changelogs are set up, and which counts do not fit together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kappaflow.errors import TopologyError
from kappaflow.streams import (
    JoinWindows,
    Materialized,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    TimeWindows,
    UnlimitedWindows,
)
from kappaflow.streams.execution.internal_topics import changelog_configs, check_copartitioned, repartition_counts
from kappaflow.streams.topology import Topology

TEXT = Serdes.string()
WINDOW = JoinWindows.of(timedelta(seconds=1))
DAY_MS = 86_400_000


def bound(build: Callable[[StreamsBuilder], Any]) -> Topology:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    build(builder)
    return builder.build().bind("app")


def both(left: Any, right: Any) -> str:
    return left + right


def counts_of(build: Callable[[StreamsBuilder], Any], **topics: int) -> dict[str, int]:
    topology = bound(build)
    check_copartitioned(topology, topics)
    found = repartition_counts(topology, topics)
    return {topic.removeprefix("app-").removesuffix("-repartition"): count for topic, count in found.items()}


def test_a_repartition_topic_has_as_many_partitions_as_what_feeds_it() -> None:
    def build(b: StreamsBuilder) -> None:
        b.stream(["a", "b"]).select_key(str.upper).repartition(name="r").to("out")

    assert counts_of(build, a=2, b=5) == {"r": 5}


def test_what_is_joined_gets_the_count_of_its_partner() -> None:
    def build(b: StreamsBuilder) -> None:
        b.stream("a").select_key(str.upper).join(b.stream("b"), both, WINDOW, name="j").to("out")

    assert counts_of(build, a=2, b=5) == {"j-left": 5}
    assert counts_of(build, a=7, b=5) == {"j-left": 5}


def test_of_two_internal_topics_that_are_joined_both_get_the_greater_count_or_the_one_that_was_given() -> None:
    def plain(b: StreamsBuilder) -> None:
        left, right = b.stream("a").select_key(str.upper), b.stream("b").select_key(str.upper)
        left.join(right, both, WINDOW, name="j").to("out")

    def given(b: StreamsBuilder) -> None:
        left = b.stream("a").select_key(str.upper).repartition(name="r", partitions=3)
        left.join(b.stream("b").select_key(str.upper), both, WINDOW, name="j").to("out")

    assert counts_of(plain, a=2, b=5) == {"j-left": 5, "j-right": 5}
    assert counts_of(given, a=2, b=5) == {"r": 3, "j-right": 3}


def test_a_merged_stream_leaves_the_count_as_it_is() -> None:
    def build(b: StreamsBuilder) -> None:
        through = b.stream("a").select_key(str.upper).repartition(name="r")
        through.merge(b.stream("b")).to("out")

    assert counts_of(build, a=2, b=5) == {"r": 2}


def test_foreign_key_joins_have_a_count_for_each_side() -> None:
    def build(b: StreamsBuilder) -> None:
        b.table("a").join(b.table("b"), both, foreign_key=str.upper, name="j").to_stream().to("out")

    assert counts_of(build, a=2, b=5) == {"j-subscription-registration-topic": 5, "j-subscription-response-topic": 2}


@pytest.mark.parametrize("partitions", [3, 8])
def test_a_given_count_that_does_not_fit_is_refused(partitions: int) -> None:
    def build(b: StreamsBuilder) -> None:
        left = b.stream("a").repartition(name="r", partitions=partitions)
        left.join(b.table("b"), both).to("out")

    with pytest.raises(TopologyError, match=rf"app-r-repartition was given {partitions} .* joined with b, .* has 5"):
        counts_of(build, a=2, b=5)


def test_two_given_counts_that_differ_are_refused() -> None:
    def build(b: StreamsBuilder) -> None:
        left, right = (b.stream(each).repartition(name=each, partitions=n) for each, n in (("a", 3), ("b", 4)))
        left.join(right, both, WINDOW).to("out")

    with pytest.raises(TopologyError, match="was given 4 partitions"):
        counts_of(build, a=1, b=1)


def test_topics_that_are_joined_over_a_third_need_one_count() -> None:
    def build(b: StreamsBuilder) -> None:
        middle = b.table("b")
        b.stream("a").select_key(str.upper).join(middle, both, name="j").to("out")
        middle.join(b.table("c"), both).to_stream().to("more")

    assert counts_of(build, a=2, b=5, c=5) == {"j": 5}
    with pytest.raises(TopologyError, match="b has 5, c has 4"):
        counts_of(build, a=2, b=5, c=4)


def config_of(build: Callable[[StreamsBuilder], Any], **options: int) -> dict[str, str]:
    (store,) = (store for sub in bound(build).subtopologies for store in sub.stores)
    return changelog_configs(store, **options)


def test_changelogs_are_set_up_by_the_kind_of_their_store_and_by_what_was_given_for_it() -> None:
    kept = Materialized("s", changelog_config={"segment.bytes": "1000000", "cleanup.policy": "compact,delete"})
    time = {"message.timestamp.type": "CreateTime"}
    assert config_of(lambda b: b.stream("a").group_by_key().count()) == {"cleanup.policy": "compact", **time}
    assert config_of(lambda b: b.stream("a").group_by_key().count(kept)) == {
        "cleanup.policy": "compact,delete",
        "segment.bytes": "1000000",
        **time,
    }
    versioned = Materialized("s", history_retention_ms=1_000)
    assert config_of(lambda b: b.table("a", versioned)) == {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(DAY_MS + 1_000),
        **time,
    }


@pytest.mark.parametrize(
    ("windows", "retention_ms"),
    [
        (TimeWindows.of(100, grace=20), DAY_MS + 120),
        (SessionWindows.of(100, grace=20), DAY_MS + 120),
        (UnlimitedWindows.of(), 2**63 - 1),
    ],
)
def test_changelogs_of_windows_keep_them_a_day_longer_than_the_store(windows: Any, retention_ms: int) -> None:
    def build(b: StreamsBuilder) -> None:
        b.stream("a").group_by_key().windowed_by(windows).count()

    assert config_of(build)["retention.ms"] == str(retention_ms)
    shorter = config_of(build, extra_retention_ms=0)["retention.ms"]
    assert shorter == str(min(retention_ms - DAY_MS, 2**63 - 1) if retention_ms < 2**62 else retention_ms)
