"""A finding: what is wrong, with what, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kappaflow.ops.doctor import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts
SHOWN = 5
"""How many subjects a reason names; the finding itself has them all."""


class Severity(StrEnum):
    """How bad: ``error`` where something fails or is about to; ``warning`` where the next failure costs more."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: its name; reason and remedy are the texts ``finding.RULE`` and ``finding.RULE.remedy``.
        severity: how bad it is.
        subjects: all topics, partitions, brokers or directories that it is about.
        reason: what is so, and why that is bad.
        remedy: what to do, a command where there is one.
    """

    rule: str
    severity: Severity
    subjects: tuple[str, ...]
    reason: Text
    remedy: Text


def finding(rule: str, severity: Severity, subjects: Iterable[str], **values: object) -> list[Finding]:
    """The finding of a rule about these subjects; nothing where there are none.

    Args:
        rule: its name.
        severity: how bad it is.
        subjects: in the order in which they are shown.
        values: more values of its texts, which have ``subjects``, ``first`` and ``count``.
    """
    named = tuple(subjects)
    if not named:
        return []
    shown = ", ".join(named[:SHOWN]) + (", .." if len(named) > SHOWN else "")
    filled = {"subjects": shown, "first": named[0], "count": len(named), **values}
    return [Finding(rule, severity, named, text(f"finding.{rule}", **filled), text(f"finding.{rule}.remedy", **filled))]
