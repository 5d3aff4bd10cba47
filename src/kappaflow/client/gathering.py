"""Look-ups that many users of a process make at the same time, answered by few requests.

    asker 1 ──▶ request 1 (key 1) ──────────▶ answer
    asker 2 ────▶ waits ┐
    asker 3 ──────▶ waits ┴▶ request 2 (keys 2, 3) ──▶ answer to both

Who asks alone is answered as without it.  Who asks while a request is under way shares the next one with all others
that do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Hint = TypeVar("Hint")
Answer = TypeVar("Answer")
Question = TypeVar("Question", bound=tuple[object, ...])


def without_repetition(questions: Iterable[Question]) -> list[list[Question]]:
    """Split questions about things so that each part names a thing once, as requests have to.

    Args:
        questions: tuples that begin with the thing that they are about.
    """
    seen: dict[object, int] = {}
    parts: list[list[Question]] = []
    for question in questions:
        number = seen.get(question[0], 0)
        seen[question[0]] = number + 1
        if number == len(parts):
            parts.append([])
        parts[number].append(question)
    return parts


class _Round(Generic[Key, Hint, Answer]):
    """The questions of one request, and what came of it."""

    def __init__(self) -> None:
        self.wanted: dict[Key, Hint] = {}
        self.is_led = False
        self.is_over = threading.Event()
        self.answers: Mapping[Key, Answer] = {}
        self.error: BaseException | None = None


class Gathering(Generic[Key, Hint, Answer]):
    """Look-ups of one kind, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._open: _Round[Key, Hint, Answer] = _Round()

    def look_up(
        self, wanted: Mapping[Key, Hint], ask: Callable[[Mapping[Key, Hint]], Mapping[Key, Answer]]
    ) -> dict[Key, Answer]:
        """Return the answers; those that ``ask`` has none for are left out.

        Args:
            wanted: what is asked for, and what is known of it that helps.
            ask: asks for all keys of a round; that of any of its askers is called, on the asker's thread.

        Raises:
            Exception: what ``ask`` raised, for all askers of the round.  What concerns one key only is better an
                answer that says so.
        """
        with self._lock:
            mine = self._open
            mine.wanted.update(wanted)
            leads = not mine.is_led
            mine.is_led = True
        if leads:
            with self._asking:
                with self._lock:
                    self._open = _Round()  # from now on others share the next one
                try:
                    mine.answers = ask(mine.wanted)
                except BaseException as error:
                    mine.error = error
                finally:
                    mine.is_over.set()
        mine.is_over.wait()
        if mine.error is not None:
            raise mine.error
        return {key: mine.answers[key] for key in wanted if key in mine.answers}


class Gatherings:
    """The gatherings of a process, by kind of look-up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Gathering[Any, Any, Any]] = {}

    def of(self, kind: str) -> Gathering[Any, Any, Any]:
        """The gathering of a kind of look-up."""
        with self._lock:
            return self._known.setdefault(kind, Gathering())


def ask_together(
    gatherings: Gatherings | None,
    kind: str,
    wanted: Mapping[Key, Hint],
    ask: Callable[[Mapping[Key, Hint]], Mapping[Key, Answer]],
) -> Mapping[Key, Answer]:
    """Ask together with all others of the process that ask for the same kind of thing now; alone without gatherings."""
    return ask(wanted) if gatherings is None else gatherings.of(kind).look_up(wanted, ask)
