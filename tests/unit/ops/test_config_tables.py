"""The tables of configurations: facts about Kafka's versions that its upgrade notes state."""

from __future__ import annotations

import pytest

from kappaflow.errors import UsageError
from kappaflow.ops.config_tables import load_tables, newest_update_mode
from kappaflow.ops.config_tables.generate import spans


def test_defaults_changed_where_the_upgrade_notes_say_so() -> None:
    tables = load_tables()
    assert tables.of("3.9.2", "broker")["log.retention.hours"].default == "168"
    assert tables.of("3.9.2", "broker")["num.recovery.threads.per.data.dir"].default == "1"
    assert tables.of("4.0.0", "broker")["num.recovery.threads.per.data.dir"].default == "2"


def test_zookeeper_and_the_message_format_are_gone_in_4() -> None:
    tables = load_tables()
    for key in ("zookeeper.connect", "inter.broker.protocol.version", "log.message.format.version"):
        assert key in tables.of("3.9.2", "broker")
        assert key not in tables.of("4.0.0", "broker")


def test_dynamic_options_are_told_from_those_read_at_the_start() -> None:
    assert newest_update_mode("num.io.threads") == "cluster-wide"
    assert newest_update_mode("broker.id") == "read-only"
    assert newest_update_mode("no.such.option") == "read-only"


def test_a_version_between_takes_the_nearest_of_its_line() -> None:
    tables = load_tables()
    assert tables.nearest("3.9.0") == "3.9.2"
    assert tables.nearest("4.3.7") == "4.3.0"
    assert tables.nearest("5.0.0") == tables.versions[-1]
    for wrong in ("1.0.0", "new"):
        with pytest.raises(UsageError):
            tables.nearest(wrong)


def test_spans_hold_what_each_version_said() -> None:
    def row(default: str) -> dict[str, object]:
        return {
            "scope": "broker",
            "name": "a",
            "type": "int",
            "required": False,
            "default": default,
            "range": "",
            "update": "x",
        }

    tables = spans({"1": [row("1")], "2": [row("1")], "3": [], "4": [row("2")]})
    assert tables["broker"]["a"] == [[0, 1, "int", 0, "1", "", "x"], [3, 3, "int", 0, "2", "", "x"]]
