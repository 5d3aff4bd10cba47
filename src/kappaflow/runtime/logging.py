"""What the processes of kappaflow write to standard error: one line an event, plain or JSON.

    2026-01-31T12:00:00.123Z INFO broker storage.log_directory: recovered orders-0, cut 17 bytes

Users see messages; stack traces appear at level DEBUG only. Secrets are never logged, so nothing is masked here.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from kappaflow.errors import ConfigError

_PACKAGE = "kappaflow."


class LineFormatter(logging.Formatter):
    """One line an event; a stack trace only where `with_traces`."""

    def __init__(self, component: str, *, as_json: bool, with_traces: bool) -> None:
        super().__init__()
        self._component = component
        self._as_json = as_json
        self._with_traces = with_traces

    def format(self, record: logging.LogRecord) -> str:
        """The event's line."""
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"
        source = record.name.removeprefix(_PACKAGE)
        message = record.getMessage()
        trace = ""
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {record.exc_info[1]}"
            if self._with_traces:
                trace = self.formatException(record.exc_info)
        if self._as_json:
            event = {
                "time": moment, "level": record.levelname, "component": self._component,
                "source": source, "message": message,
            }  # fmt: skip
            return json.dumps(event | ({"trace": trace} if trace else {}), ensure_ascii=False)
        line = f"{moment} {record.levelname} {self._component} {source}: {message}"
        return f"{line}\n{trace}" if trace else line


LEVEL, FORMAT = "KAPPA_LOG_LEVEL", "KAPPA_LOG_FORMAT"
LEVELS, FORMATS = ("DEBUG", "INFO", "WARNING", "ERROR"), ("plain", "json")


def log_as_asked(component: str, *, level: str = "INFO") -> None:
    """Send this process's events to standard error as the environment asks for.

    Args:
        component: as of `configure_logging`.
        level: the least level written where ``KAPPA_LOG_LEVEL`` does not say.

    Raises:
        ConfigError: the environment asks for what there is not.
    """
    level = _one_of(LEVEL, LEVELS, os.environ.get(LEVEL, "").upper() or level)
    as_json = _one_of(FORMAT, FORMATS, os.environ.get(FORMAT, "").lower() or "plain") == "json"
    configure_logging(component, level=level, as_json=as_json)


def _one_of(name: str, known: Sequence[str], value: str) -> str:
    if value not in known:
        raise ConfigError(f"{name} is one of {', '.join(known)}, not {value}.")
    return value


def configure_logging(
    component: str, *, level: str = "INFO", as_json: bool = False, stream: TextIO | None = None
) -> None:
    """Send this process's events to standard error, in place of whatever was configured before.

    Args:
        component: the process's role, such as ``broker`` or ``worker-1``.
        level: the least level written: DEBUG, INFO, WARNING or ERROR.
        as_json: one JSON object an event.
        stream: where to write instead.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(component, as_json=as_json, with_traces=level.upper() == "DEBUG"))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
