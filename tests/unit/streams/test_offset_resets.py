"""Where a task goes on whose group's offsets were set by somebody else, and what counts as an internal topic."""

from __future__ import annotations

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.execution.commit import GROUP, group_marks
from kappaflow.streams.execution.reset import is_internal
from kappaflow.streams.execution.task_opening import is_ahead, is_set_by_others

LOCAL = {"lines-0": 10, "lines-1": 7, f"{GROUP}lines-0": 4, f"{GROUP}lines-1": 7}


@pytest.mark.parametrize(
    ("committed", "set_by_others"),
    [
        ({}, False),
        ({"lines-0": 10, "lines-1": 7}, False),  # all was committed
        ({"lines-0": 4, "lines-1": 7}, False),  # a crash between the local batch and the group's offsets
        ({"lines-0": 0, "lines-1": 7}, True),
        ({"lines-0": 10, "lines-1": 3}, True),
        ({"lines-0": 5}, True),
    ],
)
def test_offsets_that_no_commit_of_ours_explains_were_reset(committed: dict[str, int], set_by_others: bool) -> None:
    assert is_ahead(LOCAL, committed)
    assert is_set_by_others(LOCAL, committed) is set_by_others


def test_state_of_before_there_were_marks_is_trusted() -> None:
    assert not is_set_by_others({"lines-0": 10}, {"lines-0": 3})


def test_marks_have_the_names_of_positions() -> None:
    assert group_marks({TopicPartition("lines", 1): 7}) == {f"{GROUP}lines-1": 7}


@pytest.mark.parametrize(
    ("topic", "internal"),
    [
        ("app-counts-changelog", True),
        ("app-by-word-repartition", True),
        ("app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000004-topic", True),
        ("app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000012-topic", True),
        ("app-orders-subscription-registration-topic", True),
        ("app-lines", False),
        ("app-changelog-of-mine", False),
        ("other-counts-changelog", False),
        ("app", False),
    ],
)
def test_internal_topics_are_known_by_their_names(topic: str, internal: bool) -> None:
    assert is_internal("app", topic) is internal
