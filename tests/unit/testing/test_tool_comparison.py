"""What is taken out of the answers of tools before they are compared, and what is not."""

from __future__ import annotations

import pytest

from kappaflow.testing.java_tools.calls import CALLS
from kappaflow.testing.java_tools.comparison import comparable, differences
from kappaflow.testing.java_tools.tool_runner import ToolAnswer


def difference(ours: str, theirs: str, codes: tuple[int, int] = (0, 0)) -> list[str]:
    first, second = (
        comparable(ToolAnswer(code, out, ""), {"/ours": "DIRECTORY", "/theirs": "DIRECTORY"})
        for code, out in zip(codes, (ours, theirs), strict=True)
    )
    return differences(first, second)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("127.0.0.1:9092 (id: 1)", "127.0.0.1:20001 (id: 1)"),
        ("Topic: t\tTopicId: AAAAAAAAAAAAAAAAAAAAAA\tn", "Topic: t TopicId: x1-_5zAAAAAAAAAAAAAAAA n"),
        ("x.NoSuchThing: y\nb\na", "a\nb\nx.NoSuchThing: y"),
        ("x.TopicExistsException: There is one.", "x.TopicExistsException: Topic 't' exists already."),
        ("x.TopicExistsException: y\n\tat a.b(C.java:1)\n", "x.TopicExistsException: y"),
        ('"logDir":"/ours"', '"logDir":"/theirs"'),
        ("at 1795485587054 ms", "at 1795485586598 ms"),
    ],
)  # fmt: skip
def test_what_differs_between_any_two_runs_is_no_difference(ours: str, theirs: str) -> None:
    assert difference(ours, theirs) == []


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("talk:0:3", "talk:0:4"),
        ("x.TopicExistsException: a", "x.InvalidTopicException: a"),
        ("a\na", "a"),
        ("retention.ms=1", "retention.ms=2"),
        ("", "a line more"),
    ],
)
def test_what_a_broker_answers_is_one(ours: str, theirs: str) -> None:
    assert difference(ours, theirs)


def test_exit_codes_are_compared() -> None:
    assert difference("a", "a", (0, 1)) == ["+exit code 0", "-exit code 1"]


def test_each_call_has_a_name_of_its_own() -> None:
    assert len({call.name for call in CALLS}) == len(CALLS)
