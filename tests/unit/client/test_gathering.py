"""Look-ups of many at a time share requests, and each gets its own answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from kappaflow.client.gathering import Gathering


class Slow:
    """Answers with the doubled key, holds the first request back until told, and counts requests."""

    def __init__(self) -> None:
        self.requests: list[list[int]] = []
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, wanted: Mapping[int, None]) -> dict[int, int]:
        self.requests.append(sorted(wanted))
        self.is_asked.set()
        if len(self.requests) == 1:
            assert self.may_answer.wait(10)
        if 13 in wanted:
            raise ValueError("13 cannot be asked for")
        return {key: 2 * key for key in wanted if key < 100}


def gathered(gathering: Gathering[int, None, int], count: int) -> None:
    """Wait until so many keys wait for the next request."""
    while len(gathering._open.wanted) < count:
        threading.Event().wait(0.001)


def test_who_asks_while_a_request_is_under_way_shares_the_next() -> None:
    ask, gathering = Slow(), Gathering[int, None, int]()
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(gathering.look_up, {0: None}, ask)
        assert ask.is_asked.wait(10)
        others = [pool.submit(gathering.look_up, {n: None, 1: None}, ask) for n in range(2, 12)]
        gathered(gathering, 11)
        ask.may_answer.set()
        assert first.result(10) == {0: 0}
        assert [other.result(10) for other in others] == [{n: 2 * n, 1: 2} for n in range(2, 12)]
    assert ask.requests == [[0], list(range(1, 12))]


def test_what_fails_fails_for_all_of_its_request_and_for_no_other() -> None:
    ask, gathering = Slow(), Gathering[int, None, int]()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(gathering.look_up, {0: None}, ask)
        assert ask.is_asked.wait(10)
        others = [pool.submit(gathering.look_up, {n: None}, ask) for n in (1, 13)]
        gathered(gathering, 2)
        ask.may_answer.set()
        assert first.result(10) == {0: 0}
        for other in others:
            with pytest.raises(ValueError, match="13"):
                other.result(10)
    assert gathering.look_up({1: None}, ask) == {1: 2}


def test_what_has_no_answer_is_left_out() -> None:
    ask = Slow()
    ask.may_answer.set()
    assert Gathering[int, None, int]().look_up({1: None, 100: None}, ask) == {1: 2}


def test_one_who_asks_again_and_again_gets_what_holds_now() -> None:
    gathering = Gathering[str, None, int]()
    now = iter(range(10))
    assert [gathering.look_up({"a": None}, lambda _: {"a": next(now)})["a"] for _ in range(3)] == [0, 1, 2]
