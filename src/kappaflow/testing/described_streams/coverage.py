"""Which operators there are, what may follow what, and which of it programs have.

A label is the name of an operator, with its windows behind it and ``windowed`` before it where keys are windowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kappaflow.testing.described_streams.program import Program

STREAM, TABLE, WINDOWED, GROUPED, REGROUPED, GLOBAL = "stream", "table", "windowed", "grouped", "regrouped", "global"
FILLED = "filled"
"""A global store that a processor fills."""
END = ""
WINDOWS = ("time", "session", "sliding", "unlimited")

_STREAMS = (
    "filter filter_not map_values flat_map_values map flat_map select_key peek merge branch repartition process "
    "process_values versions windows with_keys join_streams"
)
_TABLES = "table_filter table_filter_not table_map_values transform_values suppress join_tables join_foreign"
_WINDOWED = "table_filter table_filter_not table_map_values transform_values suppress"

KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    # label: what comes in (one of these kinds), what comes out
    "stream": ((), STREAM),
    "table": ((), TABLE),
    "global_table": ((), GLOBAL),
    "global_store": ((), FILLED),
    **dict.fromkeys(_STREAMS.split(), ((STREAM,), STREAM)),
    "join_table": ((STREAM, TABLE), STREAM),
    "join_global": ((STREAM, GLOBAL), STREAM),
    "look_up": ((STREAM, FILLED), STREAM),
    "to_table": ((STREAM,), TABLE),
    "group_by_key": ((STREAM,), GROUPED),
    "group_by": ((STREAM,), GROUPED),
    "to": ((STREAM,), END),
    "foreach": ((STREAM,), END),
    "print": ((STREAM,), END),
    **dict.fromkeys(_TABLES.split(), ((TABLE,), TABLE)),
    "to_stream": ((TABLE,), STREAM),
    "table_group_by": ((TABLE,), REGROUPED),
    **{f"windowed {label}": ((WINDOWED,), WINDOWED) for label in _WINDOWED.split()},
    "windowed to_stream": ((WINDOWED,), STREAM),
    "windowed table_group_by": ((WINDOWED,), REGROUPED),
    "aggregate": ((GROUPED,), TABLE),
    "cogroup": ((GROUPED,), TABLE),
    **{f"aggregate {window}": ((GROUPED,), WINDOWED) for window in WINDOWS},
    **{f"cogroup {window}": ((GROUPED,), WINDOWED) for window in WINDOWS[:3]},
    "table_aggregate": ((REGROUPED,), TABLE),
}
PAIRS = tuple(
    (before, after) for after, (kinds, _) in KINDS.items() for before, (_, kind) in KINDS.items() if kind in kinds
)
"""All pairs of adjacent operators."""


def label_of(op: Mapping[str, Any]) -> str:
    """Return the label of an operator of a program."""
    window = op.get("window") or ""
    return f"{'windowed ' if op.get('windowed') else ''}{op['op']}{' ' if window else ''}{window}"


def covered(programs: Iterable[Program]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Count the operators of programs, and their pairs of adjacent ones."""
    operators: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for program in programs:
        labels = {op["id"]: label_of(op) for op in program.ops}
        operators.update(labels.values())
        pairs.update((labels[before], label_of(op)) for op in program.ops for before in op["in"])
    return operators, pairs


def table_of(operators: Counter[str], pairs: Counter[tuple[str, str]]) -> str:
    """Return the coverage as lines of text: each operator, how often there is one, and behind how many others."""
    lines = [f"{'operator':28} {'programs have':>13} {'behind':>6} {'of':>4} {'before':>6} {'of':>4}"]
    for label in KINDS:
        behind = [before for before, after in PAIRS if after == label]
        ahead = [after for before, after in PAIRS if before == label]
        seen_behind = sum((before, label) in pairs for before in behind)
        seen_ahead = sum((label, after) in pairs for after in ahead)
        counts = f"{operators[label]:13} {seen_behind:6} {len(behind):4} {seen_ahead:6} {len(ahead):4}"
        lines.append(f"{label:28} {counts}")
    found = sum(pair in pairs for pair in PAIRS)
    lines.append(f"{len(KINDS)} operators; {found} of {len(PAIRS)} pairs of adjacent operators")
    return "\n".join(lines)
