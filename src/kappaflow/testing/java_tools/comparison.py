"""Answers of one tool from two brokers, made comparable: what differs between any two runs is taken out.

Ids, addresses, directories, times and rates differ between two brokers of the same kind too.  The order of lines is
that of hash maps in the tools.  The wording of a refusal is each broker's own; its error class is compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from kappaflow.testing.java_tools.tool_runner import ToolAnswer

_STACK = re.compile(r"\s+at |\s*\.\.\. \d+ more")
_NEUTRAL = (
    (re.compile(r"127\.0\.0\.1(:|\s+)\d+"), "ADDRESS"),
    (re.compile(r"(?<=\w)(Exception|Error): .*"), r"\1"),
    (re.compile(r"(Error while executing topic command :|Could not (?:up|down)grade \S+ to \d+\.) .*"), r"\1"),
    (re.compile(r"(Unregister broker request for broker ID \d+ failed:) .*"), r"\1"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"(TopicId:|ClusterId:|Cluster ID:)\s+[\w-]{22}"), r"\1 ID"),
    (re.compile(r"console-consumer-\d+|adminclient-\d+|(?<=correlation id )\d+|(?<=producer-)\d+"), "N"),
    (re.compile(r"\b1[78]\d{11}\b"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[:,.]\d+Z?"), "TIME"),
    (re.compile(r"\b\d+\.\d+\b(?= records/sec| MB/sec| ms|, |$)"), "RATE"),
    (re.compile(r"\d+ ms (?=\d+\.?\d*th)"), "N ms "),
    (re.compile(r"(?<=th = )\d+"), "N"),
    (re.compile(r"(?<=MB/sec\), )\S+ ms avg latency, \S+ ms max"), "LATENCY"),
    (re.compile(r"(?<=RATE, )\d+, \d+(?=, RATE)"), "N, N"),
    (re.compile(r"(?<=\"avg_throughput\":)[\d.E]+"), "RATE"),
    (re.compile(r"(?<=Epoch: )\d+"), "N"),
    # A log's bytes: the time from one record to the next takes more or fewer of them.
    (re.compile(r'(?<="size":)[1-9]\d*'), "BYTES"),
)
# Of a client that is still trying when its call is over.
_NOISE = re.compile(r"WARN org\.apache\.kafka\.clients\.NetworkClient|Invalid state list")


@dataclass(frozen=True)
class Allowed:
    """A difference that is meant.

    Attributes:
        call: the name of the call; a pattern.
        lines: matches each line that one of the two has alone.
        reason: why it may be.
        always: whether it is there in each run; then it is a mistake to list it where it is not.
    """

    call: str
    lines: str
    reason: str
    always: bool = True


def comparable(answer: ToolAnswer, directories: Mapping[str, str]) -> Counter[str]:
    """The lines of an answer without what differs between any two runs, with how often each occurs.

    Args:
        answer: of a tool.
        directories: what to write in place of paths.
    """
    text = answer.out + "\n" + answer.err
    for path, name in directories.items():
        text = text.replace(path, name)
    lines: list[str] = [f"exit code {answer.code}"]
    for line in text.splitlines():
        if not line.strip() or _STACK.match(line) or _NOISE.search(line):
            continue
        for pattern, neutral in _NEUTRAL:
            line = pattern.sub(neutral, line)
        lines.append(" ".join(line.split()))
    return Counter(lines)


def differences(ours: Counter[str], theirs: Counter[str]) -> list[str]:
    """Lines that one of the two has alone, with a sign: + ours, - theirs."""
    more = [f"+{line}" for line in (ours - theirs).elements()]
    return more + [f"-{line}" for line in (theirs - ours).elements()]
