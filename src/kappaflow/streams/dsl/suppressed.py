"""How long changes of a table are held back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kappaflow.streams.dsl.windows import Span, milliseconds


@dataclass(frozen=True, slots=True)
class Suppressed:
    """When a table's changes go on; made by `until_window_closes` or `until_time_limit`.

    Attributes:
        wait_ms: None waits until windows are final.
        max_records, max_bytes: the most that the buffer holds; None is no limit.
        emits_early: a full buffer gives its oldest changes away; otherwise the application stops.
        name: of the operator.
    """

    wait_ms: int | None
    max_records: int | None = None
    max_bytes: int | None = None
    emits_early: bool = True
    name: str | None = None

    @classmethod
    def until_window_closes(
        cls, *, max_records: int | None = None, max_bytes: int | None = None, name: str | None = None
    ) -> Suppressed:
        """Forward only the final result of each window; a buffer with a limit stops the application when it is full."""
        return cls(None, max_records, max_bytes, emits_early=False, name=name)

    @classmethod
    def until_time_limit(
        cls,
        wait: Span,
        *,
        max_records: int | None = None,
        max_bytes: int | None = None,
        emits_early: bool = True,
        name: str | None = None,
    ) -> Suppressed:
        """Forward at most one change of a key in a span of stream time."""
        return cls(milliseconds(wait, "time limit"), max_records, max_bytes, emits_early, name)

    def with_name(self, name: str) -> Suppressed:
        """Name the operator."""
        return replace(self, name=name)
