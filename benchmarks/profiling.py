"""Where the worker's time goes: a sampled profile sorted into fetch, decode, compute, state, encode and produce."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

TOP_LINES = 25
WAIT_DEPTH_MAX = 1
SOURCE = "src/kappaflow/"

# The first rule that matches a frame, from the innermost outwards, names the part.
RULES = tuple(
    (part, re.compile(pattern))
    for part, pattern in (
        ("wait", r"client/fetch\.py:\d+:poll|threading\.py:\d+:wait$|stream_thread\.py:\d+:(step|_loop)$"),
        ("produce", r"client/(produce|partition_queue)\.py"),
        ("fetch", r"client/fetch\.py|client/connection\.py"),
        ("state", r"state/|kernel/fold|native_folds|folds|execution/columns\.py:\d+:drain|lookups"),
        ("encode", r":(encode|encode_\w+|serialised_keys|send_columns|serialize|window_keys|results)$|record_encoding"),
        ("decode", r":(decode|decode_\w+|_decode|deserialize|_good|_spread)$"),
        ("compute", r"sql/expressions|execution/columns|streams/processors|kernel/window"),
        ("group", r"client/membership|client/offsets|client/groups"),
    )
)


@dataclass
class Profile:
    """A profile of the stream thread and the CPU of all threads.

    Attributes:
        seconds: wall seconds of the stream thread by part; `other` is what no rule names.
        cpu: CPU seconds by thread.
        lines: the costliest lines, "file:line function", with wall seconds of the stream thread.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    lines: list[tuple[str, float]] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """As JSON data."""
        return asdict(self)


def _part(stack: list[str]) -> str:
    for depth, frame in enumerate(stack):
        for part, pattern in RULES:
            # Waiting is what the innermost frame, or a lock just above it, does.
            if (part != "wait" or depth <= WAIT_DEPTH_MAX) and pattern.search(frame):
                return part
    return "other"


def _own_line(stack: list[str]) -> str:
    """The innermost frame of the package: its line is where the time goes, in Python or below it."""
    for frame in stack:
        _, found, rest = frame.partition(SOURCE)
        if found:
            path, line, function = rest.rsplit(":", 2)
            return f"{path}:{line} {function}"
    return stack[0].rsplit("/", 1)[-1]


def read_profile(file: Path) -> Profile:
    """Read what the sampler wrote."""
    raw = json.loads(file.read_text())
    scale = raw["seconds"] / max(1, raw["rounds"])
    seconds: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for thread, stack, count in raw["stacks"]:
        if not thread.startswith("stream-"):
            continue
        part = _part(stack)
        seconds[part] += count * scale
        if part != "wait":
            lines[_own_line(stack)] += count * scale
    cpu: Counter[str] = Counter()
    for name, spent in raw["cpu"].items():
        cpu[_thread_kind(name.rpartition("#")[0])] += spent
    return Profile(
        {part: round(spent, 3) for part, spent in seconds.most_common()},
        {name: round(spent, 2) for name, spent in cpu.most_common() if spent >= 0.01},
        [(line, round(spent, 3)) for line, spent in lines.most_common(TOP_LINES)],
    )


def _thread_kind(name: str) -> str:
    return "stream" if name.startswith("stream-") else re.sub(r"[-_:]?\d+$", "", name)
