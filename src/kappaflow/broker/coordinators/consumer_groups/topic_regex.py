"""Regular expressions that members subscribe by: RE2's language, matched against whole topic names in linear time.

An expression becomes a small program; all places in it that the name may have reached are followed at once, and what
follows from a set of places is remembered.

Source: KIP-848 (SubscribedTopicRegex); R. Cox, "Regular Expression Matching: the Virtual Machine Approach".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kappaflow.broker.coordinators.consumer_groups.regex_syntax import (
    UNBOUNDED,
    WORD,
    Asserted,
    Assertion,
    Chars,
    Choice,
    Node,
    RegexSyntaxError,
    Repeat,
    Sequence,
    parse,
)

MAX_STEPS = 5_000
MAX_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Read:
    """Read one character of a set, then go on behind."""

    mask: int


@dataclass(frozen=True, slots=True)
class _Fork:
    """Go on at all of these places."""

    targets: tuple[int, ...]


_Step = _Read | _Fork | Asserted | None
"""None: the expression has matched."""

_Places = frozenset[int]


class TopicRegex:
    """One expression.

    Args:
        text: the expression.

    Raises:
        RegexSyntaxError: it is none of RE2.

    >>> TopicRegex("orders-[0-9]+|(?i)users").matches("Users")
    True
    """

    def __init__(self, text: str) -> None:
        self._steps: list[_Step] = []
        self._write(parse(text))
        self._steps.append(None)
        self._remembered: dict[tuple[_Places, bool, bool, int], _Places] = {}

    def matches(self, name: str) -> bool:
        """Whether the whole of a topic's name matches."""
        places: _Places = frozenset((0,))
        after_word = False
        for position, character in enumerate(name):
            code = ord(character)
            if code > 127:
                return False
            places = self._read(places, position == 0, after_word, code)
            if not places:
                return False
            after_word = bool(WORD >> code & 1)
        return len(self._steps) - 1 in self._reach(places, starts=not name, ends=True, boundary=after_word)

    def _read(self, places: _Places, starts: bool, after_word: bool, code: int) -> _Places:
        key = (places, starts, after_word, code)
        known = self._remembered.get(key)
        if known is None:
            boundary = after_word != bool(WORD >> code & 1)
            reached = self._reach(places, starts=starts, ends=False, boundary=boundary)
            known = frozenset(
                place + 1
                for place in reached
                if isinstance(step := self._steps[place], _Read) and step.mask >> code & 1
            )
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = known
        return known

    def _reach(self, places: _Places, *, starts: bool, ends: bool, boundary: bool) -> set[int]:
        """All places that can be reached without reading."""
        holds = {
            Assertion.START: starts,
            Assertion.END: ends,
            Assertion.BOUNDARY: boundary,
            Assertion.NO_BOUNDARY: not boundary,
        }
        reached: set[int] = set()
        pending = list(places)
        while pending:
            place = pending.pop()
            if place in reached:
                continue
            reached.add(place)
            step = self._steps[place]
            if isinstance(step, _Fork):
                pending += step.targets
            elif isinstance(step, Asserted) and holds[step.assertion]:
                pending.append(place + 1)
        return reached

    def _emit(self, step: _Step) -> int:
        if len(self._steps) >= MAX_STEPS:
            raise RegexSyntaxError("expression too large")
        self._steps.append(step)
        return len(self._steps) - 1

    def _write(self, node: Node) -> None:
        match node:
            case Chars(mask):
                self._emit(_Read(mask))
            case Asserted():
                self._emit(node)
            case Sequence(parts):
                for part in parts:
                    self._write(part)
            case Choice(parts):
                self._write_choice(parts)
            case Repeat():
                self._write_repeat(node)

    def _write_choice(self, parts: tuple[Node, ...]) -> None:
        fork = self._emit(None)
        starts: list[int] = []
        ends: list[int] = []
        for part in parts:
            starts.append(len(self._steps))
            self._write(part)
            ends.append(self._emit(None))
        self._steps[fork] = _Fork(tuple(starts))
        for end in ends:
            self._steps[end] = _Fork((len(self._steps),))

    def _write_repeat(self, node: Repeat) -> None:
        before = len(self._steps)
        for _ in range(node.low):
            self._write(node.part)
            if len(self._steps) == before:
                # However often nothing comes, it is nothing.
                return
        if node.high == UNBOUNDED:
            fork = self._emit(None)
            self._write(node.part)
            self._emit(_Fork((fork,)))
            self._steps[fork] = _Fork((fork + 1, len(self._steps)))
            return
        forks: list[int] = []
        for _ in range(node.high - node.low):
            forks.append(self._emit(None))
            self._write(node.part)
        for fork in forks:
            self._steps[fork] = _Fork((fork + 1, len(self._steps)))


@lru_cache(maxsize=256)
def topic_regex(text: str) -> TopicRegex:
    """The expression, compiled once.

    Raises:
        RegexSyntaxError: it is none of RE2.
    """
    return TopicRegex(text)
