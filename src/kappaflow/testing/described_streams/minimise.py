"""A failing program made small: fewer operators, fewer records, fewer parameters, and still failing.

    program ─▶ candidates, each with something less ─▶ which of them fail ─▶ the first of these ─▶ again

Candidates are judged many at once, because a judge that asks Java starts a process for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from kappaflow.testing.described_streams.program import Program

Judge = Callable[[Sequence[Program]], Sequence[bool]]
Op = dict[str, Any]
ROUNDS_MAX = 200
OWN_STORES = ("process", "process_values", "versions", "windows", "global_store")
"""Operators whose store the program makes itself."""
NEEDED = frozenset(
    "id op in topic topics kind how mod nulls add window windowed branch wait history".split()
    + "size advance grace gap start before after retention back".split()
)
"""Parameters that operators cannot do without; the others are left out where the program fails without them as well."""


def minimised(program: Program, fails: Judge) -> Program:
    """Return a small program that fails as well.

    Args:
        fails: tells of each program whether it fails; one that cannot be built does not.
    """
    for _ in range(ROUNDS_MAX):
        for candidates in (_without_operators(program), _without_records(program), _without_parameters(program)):
            smaller = _first(list(candidates), fails)
            if smaller is not None:
                program = smaller
                break
        else:
            return program
    return program


def _first(candidates: Sequence[Program], fails: Judge) -> Program | None:
    found = fails(candidates) if candidates else ()
    return next((each for each, failed in zip(candidates, found, strict=True) if failed), None)


def _without_operators(program: Program) -> Iterator[Program]:
    """Yield the program without an operator: those behind it go as well, or take what it took."""
    seen: set[tuple[str, ...]] = set()
    for op in program.ops:
        for ops in (_cut(program.ops, op), _bridged(program.ops, op)):
            kept = () if ops is None else tuple(each["id"] for each in ops)
            if ops and kept not in seen and any(each["op"] == "to" for each in ops):
                seen.add(kept)
                topics = {each["topic"] for each in ops if each["op"] == "to"}
                yield replace(program, ops=ops, outputs=tuple(t for t in program.outputs if t in topics))


def _cut(ops: Sequence[Op], gone: Op) -> tuple[Op, ...]:
    """Return the operators without one, without what is behind it, and without what leads nowhere then."""
    lost = {gone["id"]}
    for op in ops:
        if lost & set(op["in"]):
            lost.add(op["id"])
    kept = [op for op in ops if op["id"] not in lost]
    while True:
        read = {each for op in kept for each in op["in"]}
        needed = [op for op in kept if op["op"] in ("to", "foreach", "print") or op["id"] in read]
        if len(needed) == len(kept):
            return tuple(kept)
        kept = needed


def _bridged(ops: Sequence[Op], gone: Op) -> tuple[Op, ...] | None:
    """Return the operators without one that has one input, which those behind it take."""
    if len(gone["in"]) != 1:
        return None
    (before,) = gone["in"]
    return tuple(
        op | {"in": [before if each == gone["id"] else each for each in op["in"]]} for op in ops if op is not gone
    )


def _without_records(program: Program) -> Iterator[Program]:
    """Yield the program without halves, quarters .. of its records, at last without single ones."""
    records = program.records
    size = (len(records) + 1) // 2
    while size:
        for start in range(0, len(records), size):
            yield replace(program, records=(*records[:start], *records[start + size :]))
        size //= 2
    read = {topic for op in program.ops for topic in (op.get("topics") or [op.get("topic")]) if op["op"] != "to"}
    unread = tuple(record for record in records if record.topic in read)
    if len(unread) < len(records):
        yield replace(program, records=unread)


def _without_parameters(program: Program) -> Iterator[Program]:
    """Yield the program without its optimisations, without names, stores and other parameters of an operator."""
    if program.optimize:
        yield replace(program, optimize="")
    if program.ticks:
        yield replace(program, ticks=())
    if program.commit_every > 1:
        yield replace(program, commit_every=1)
    for at, op in enumerate(program.ops):
        for name in op:
            if name not in NEEDED and not (name == "store" and op["op"] in OWN_STORES):
                less = {key: value for key, value in op.items() if key != name}
                yield replace(program, ops=(*program.ops[:at], less, *program.ops[at + 1 :]))
