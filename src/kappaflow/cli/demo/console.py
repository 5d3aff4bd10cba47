"""What the demo shows: a progress bar and tables on a terminal, plain lines when piped."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table

from kappaflow.cli.messages import message

PLAIN_STEP = 0.25


class DemoConsole:
    """Writes to standard output; safe to be used from several threads."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._lock = threading.Lock()
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._started

    def heading(self, key: str, **values: object) -> None:
        """Begin a part."""
        self._print(f"\n[{self.elapsed:5.1f} s] {message(key, **values)}", style="bold")

    def line(self, key: str, **values: object) -> None:
        """Write a line."""
        self._print("  " + message(key, **values))

    def text(self, text: str) -> None:
        """Write a text as it is."""
        self._print("  " + text)

    def _print(self, text: str, style: str | None = None) -> None:
        with self._lock:
            self._console.print(text, style=style, markup=False)
            sys.stdout.flush()

    def sql(self, statement: str) -> None:
        """Write a statement."""
        with self._lock:
            if self._console.is_terminal:
                self._console.print(Syntax(statement, "sql", theme="ansi_dark", background_color="default"))
            else:
                self._console.print(statement, markup=False)
            sys.stdout.flush()

    def check(self, text: str, ok: bool, differences: Sequence[str] = ()) -> None:
        """Write a check with a tick or a cross."""
        self._print(f"  {'✓' if ok else '✗'} {text}", style="green" if ok else "bold red")
        for difference in differences:
            self._print(f"      {difference}")

    def table(self, title: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table."""
        table = Table(title=title, title_justify="left")
        for name in names:
            table.add_column(name)
        for row in rows:
            table.add_row(*[f"{value:.2f}" if isinstance(value, float) else str(value) for value in row])
        with self._lock:
            self._console.print(table)
            sys.stdout.flush()

    @contextmanager
    def progress(self, key: str, total: int) -> Generator[Advance]:
        """Show how far something is, while the block runs."""
        if not self._console.is_terminal:
            yield Advance(self, message(key), total, None)
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console) as bar:
            yield Advance(self, message(key), total, bar)


class Advance:
    """A number that grows towards a total."""

    def __init__(self, console: DemoConsole, title: str, total: int, bar: Progress | None) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._bar = bar
        self._task = None if bar is None else bar.add_task(title, total=total)
        self.done = 0
        self._shown = 0.0
        self._lock = threading.Lock()
        self._adding = threading.Lock()

    def to(self, done: int) -> None:
        """Set the number."""
        with self._lock:
            self.done = done
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=done)
            elif self._total and done / self._total >= self._shown + PLAIN_STEP:
                self._shown = done / self._total
                self._console.text(f"{self._title}: {done:,} / {self._total:,}")

    def add(self, count: int) -> None:
        """Let the number grow."""
        with self._adding:
            self.to(self.done + count)
