"""Says the same to two brokers, operation by operation, and stops where their answers differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kappaflow.testing.group_requests.conversation import Answer, Conversation
from kappaflow.testing.group_requests.operations import Collect, Join, Operation, Sync

PATIENCE_S = 0.4
"""An answer that neither broker has sent by then is not due yet."""
LATE_S = 10.0
"""How long the second broker may take once the first has answered."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two brokers differ.

    Attributes:
        before: what was said and answered before.
        operation: what they answer differently.
        ours: the first one's answer.
        theirs: the second one's.
    """

    before: tuple[tuple[Operation, Answer], ...]
    operation: Operation
    ours: Answer
    theirs: Answer

    def __str__(self) -> str:
        lines = [f"{operation}\n    -> {answer}" for operation, answer in self.before]
        return "\n".join((*lines, str(self.operation), f"    ours   {self.ours}", f"    theirs {self.theirs}"))


def first_difference(
    ours: Conversation,
    theirs: Conversation,
    operations: Iterable[Operation],
    until: Callable[[Operation, Answer], bool] = lambda _operation, _answer: False,
) -> Difference | None:
    """Say operations to both.

    Args:
        ours: one broker.
        theirs: the other.
        operations: what to say.
        until: whether what follows an operation and its answer cannot be compared any more.

    Returns:
        The first operation that they answer differently, or None.
    """
    before: list[tuple[Operation, Answer]] = []
    for operation in _with_collects(operations):
        if isinstance(operation, Collect):
            _let_come(ours, theirs, operation.member)
        our_answer, their_answer = ours.say(operation), theirs.say(operation)
        if our_answer != their_answer:
            return Difference(tuple(before), operation, our_answer, their_answer)
        before.append((operation, our_answer))
        if until(operation, our_answer):
            break
    return None


def _with_collects(operations: Iterable[Operation]) -> Iterator[Operation]:
    """The operations; what may be answered later is given time to be looked at before the next one is said."""
    for operation in operations:
        yield operation
        if isinstance(operation, Join | Sync):
            yield Collect(operation.member)


def _let_come(ours: Conversation, theirs: Conversation, member: str) -> None:
    if theirs.has_answer(member, PATIENCE_S):
        ours.has_answer(member, LATE_S)
    elif ours.has_answer(member, 0):
        theirs.has_answer(member, LATE_S)
