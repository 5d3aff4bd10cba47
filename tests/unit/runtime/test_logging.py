"""Log lines: plain and JSON, with traces for those who debug."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Generator

import pytest

from kappaflow.errors import ConfigError
from kappaflow.runtime.logging import configure_logging, log_as_asked


@pytest.fixture(autouse=True)
def root_logger() -> Generator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def fail() -> None:
    try:
        raise ValueError("no space")
    except ValueError:
        logging.getLogger("kappaflow.storage.log").exception("cannot write")


def test_a_plain_line() -> None:
    out = io.StringIO()
    configure_logging("broker", stream=out)
    logging.getLogger("kappaflow.storage.log").info("recovered %s", "orders-0")
    logging.getLogger("kappaflow.storage.log").debug("not shown")
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO broker storage\.log: recovered orders-0\n"
    assert re.fullmatch(line, out.getvalue())


def test_traces_only_for_those_who_debug() -> None:
    for level, shown in (("INFO", False), ("DEBUG", True)):
        out = io.StringIO()
        configure_logging("broker", level=level, stream=out)
        fail()
        assert "cannot write: no space" in out.getvalue()
        assert ("Traceback" in out.getvalue()) is shown


def test_json() -> None:
    out = io.StringIO()
    configure_logging("worker-1", as_json=True, stream=out, level="debug")
    fail()
    event = json.loads(out.getvalue())
    assert event.keys() == {"time", "level", "component", "source", "message", "trace"}
    assert (event["component"], event["level"], event["message"]) == ("worker-1", "ERROR", "cannot write: no space")


def test_the_environment_says_what_is_written_and_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPPA_LOG_LEVEL", "error")
    monkeypatch.setenv("KAPPA_LOG_FORMAT", "JSON")
    log_as_asked("control", level="WARNING")
    logging.getLogger("kappaflow.server").warning("not shown")
    logging.getLogger("kappaflow.server").error("lost")
    event = json.loads(capsys.readouterr().err)
    assert (event["component"], event["level"], event["message"]) == ("control", "ERROR", "lost")


@pytest.mark.parametrize(("name", "known"), [("KAPPA_LOG_LEVEL", "DEBUG, INFO"), ("KAPPA_LOG_FORMAT", "plain, json")])
def test_what_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, known: str) -> None:
    monkeypatch.setenv(name, "loud")
    with pytest.raises(ConfigError, match=f"{name} is one of {known}.*, not"):
        log_as_asked("control")
