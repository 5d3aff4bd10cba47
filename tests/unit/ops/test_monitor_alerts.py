"""Alerts: when they fire and end, and that nobody is drowned in messages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import ConfigError, HostError
from kappaflow.ops.monitor import receivers
from kappaflow.ops.monitor.alert_rules import DEFAULT_RULES, AlertRule, ReceiverSettings, read_alert_settings
from kappaflow.ops.monitor.alerts import Alert, Alerts, AlertState
from kappaflow.ops.monitor.receivers import Receiver
from kappaflow.ops.monitor.samples import Series, Snapshot, series

MINUTE = 60_000
LAG = "kappa_group_lag_records"
RULE = AlertRule("behind", LAG, above=100, clear=50, for_ms=2 * MINUTE, keep_ms=MINUTE, repeat_ms=10 * MINUTE)


def look(minute: float, *, missing: bool = False, **lags: float) -> Snapshot:
    snapshot = Snapshot(int(minute * MINUTE), seconds={"groups": 0.1})
    for group, lag in lags.items():
        snapshot.put(LAG, lag, group=group)
    if missing:
        snapshot.missing["groups"] = "not authorised"
    return snapshot


def states(alerts: Alerts, *values: float | None) -> list[list[str]]:
    """The changes at each minute; None is a look that does not see the groups."""
    return [
        [str(a.state) for a in alerts.update(look(n, missing=True) if v is None else look(n, billing=v))]
        for n, v in enumerate(values)
    ]


def test_an_alert_fires_after_its_time_and_ends_below_its_own_threshold() -> None:
    found = states(Alerts([RULE]), 200, 200, 200, 80, 60, 40, 40, 40)
    assert found == [[], [], ["firing"], [], [], [], ["resolved"], []], "80 and 60 are neither bad nor well"


def test_a_short_peak_is_told_to_nobody() -> None:
    assert states(Alerts([RULE]), 200, 200, 80, 200, 200, 80) == [[]] * 6


def test_a_value_that_swings_about_the_threshold_is_told_once() -> None:
    assert sum(map(len, states(Alerts([RULE]), *[200, 40] * 2, 200, 200, 200, *[40, 200] * 4))) == 1


def test_what_lasts_is_told_again_after_a_while() -> None:
    found = states(Alerts([RULE]), *[200.0] * 25)
    assert [n for n, changes in enumerate(found) if changes] == [2, 12, 22]


def test_what_cannot_be_seen_neither_ends_nor_begins() -> None:
    assert states(Alerts([RULE]), 200, 200, None, 200) == [[], [], [], ["firing"]]
    assert states(Alerts([RULE]), 200, 200, 200, None, None, 40, 40) == [[], [], ["firing"], [], [], [], ["resolved"]]


def test_a_series_that_is_gone_ends_its_alert() -> None:
    alerts = Alerts([RULE])
    states(alerts, 200, 200, 200)
    assert [a.state for a in alerts.update(look(3, other=0))] == [AlertState.RESOLVED]
    assert alerts.active == {}


def test_a_rule_means_the_labels_that_it_names_and_may_watch_for_too_little() -> None:
    rule = AlertRule("idle", "kappa_group_active", below=1, clear=1, where={"group": "bill*"})
    alerts = Alerts([rule])
    snapshot = Snapshot(0)
    for group in ("billing", "other"):
        snapshot.put("kappa_group_active", 0, group=group)
    assert [a.series.label("group") for a in alerts.update(snapshot)] == ["billing"]


def test_a_monitor_that_starts_anew_goes_on_with_its_alerts(tmp_path: Path) -> None:
    alerts = Alerts([RULE])
    states(alerts, 200, 200, 200)
    gone = Alert(replace(RULE, name="gone"), series(LAG, group="x"), AlertState.FIRING, 0, 1.0)
    waiting = [*alerts.active.values(), firing("over", AlertState.RESOLVED), gone]
    alerts.save(tmp_path / "a.json", {"team": waiting})
    again = Alerts([RULE])
    untold = again.load(tmp_path / "a.json")["team"]
    assert [(a.series.label("group"), str(a.state)) for a in untold] == [("billing", "firing"), ("over", "resolved")]
    assert untold[0] is again.active[RULE.name, untold[0].series], "what it becomes is told"
    assert again.update(look(3, billing=200)) == []
    assert [a.state for a in [*again.update(look(4, billing=1)), *again.update(look(5, billing=1))]] == ["resolved"]
    (tmp_path / "a.json").write_text("{")
    again.load(tmp_path / "a.json")
    assert again.active == {}


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 250)), max_size=60))
def test_firing_and_ending_take_turns_and_take_their_time(values: list[int | None]) -> None:
    alerts = Alerts([replace(RULE, repeat_ms=0)])
    told: list[tuple[int, str]] = []
    for minute, value in enumerate(values):
        snapshot = look(minute, missing=True) if value is None else look(minute, billing=value)
        told += [(minute, str(a.state)) for a in alerts.update(snapshot)]
    assert [state for _, state in told] == [("firing", "resolved")[n % 2] for n in range(len(told))]
    for minute, state in told:
        last = [v for v in values[: minute + 1] if v is not None]
        assert last[-1] > 100 if state == "firing" else last[-1] <= 50
        window = [v for v in values[max(0, minute - (2 if state == "firing" else 1)) : minute + 1] if v is not None]
        assert all(v > 100 for v in window) if state == "firing" else all(v <= 50 for v in window)


class Outbox:
    """Where messages go in these tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[list[Alert]] = []
        self.fails = False
        monkeypatch.setitem(receivers.SENDERS, "webhook", self.send)

    def send(self, settings: ReceiverSettings, cluster: str, alerts: Any) -> None:
        if self.fails:
            raise HostError("HTTP status 500")
        self.messages.append(list(alerts))


def firing(group: str, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(RULE, series(LAG, group=group), state, 0, 1.0)


def test_two_thousand_alerts_are_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(monkeypatch)
    receiver = Receiver(ReceiverSettings("team", "webhook", "http://x"), "prod")
    receiver.add([firing(f"g{n}") for n in range(2_000)])
    assert receiver.send(0) == ""
    assert [len(m) for m in outbox.messages] == [2_000]
    shown = receivers.lines(outbox.messages[0])
    assert len(shown) == receivers.LINES_MAX + 1
    assert "1980" in shown[-1]


def test_messages_keep_their_distance_and_a_failure_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(monkeypatch)
    receiver = Receiver(ReceiverSettings("team", "webhook", "http://secret", every_ms=MINUTE), "prod")
    receiver.add([firing("a")])
    receiver.send(0)
    receiver.add([firing("b")])
    assert receiver.send(MINUTE // 2) == ""
    assert len(outbox.messages) == 1
    outbox.fails = True
    problem = receiver.send(MINUTE)
    assert "team" in problem
    assert "secret" not in problem
    assert receiver.send(MINUTE + 1000) == "", "it is not tried at every look"
    outbox.fails = False
    receiver.add([firing("b", AlertState.RESOLVED)])
    assert receiver.send(10 * MINUTE) == ""
    assert [(a.series.label("group"), str(a.state)) for a in outbox.messages[1]] == [("b", "resolved")]


RULES = """
[[rule]]
name = "behind"
metric = "kappa_group_lag_seconds"
above = 600
clear = 300
for = "5m"
keep_for = "1m"
where = { group = "billing-*" }
severity = "critical"
notify = ["team", "mail"]
repeat = "0s"

[receiver.team]
kind = "slack"
url_file = "URL"

[receiver.mail]
kind = "mail"
server = "127.0.0.1:25"
from = "kafka@example.org"
to = ["ops@example.org"]
starttls = false
"""


def test_a_file_of_rules_is_read_and_secrets_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.example.org/T0/secret\n")
    (tmp_path / "rules.toml").write_text(RULES.replace("URL", str(tmp_path / "url")))
    settings = read_alert_settings(tmp_path / "rules.toml")
    assert settings.rules == (
        AlertRule(
            "behind",
            "kappa_group_lag_seconds",
            above=600,
            clear=300,
            for_ms=5 * MINUTE,
            keep_ms=MINUTE,
            where={"group": "billing-*"},
            severity="critical",
            notify=("team", "mail"),
            repeat_ms=0,
        ),
    )
    assert settings.receivers[0].url.endswith("secret")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("kappa_group_lag_seconds", "kappa_lag", "no metric"),
        ("above = 600\n", "", "above or below"),
        ("clear = 300", "clear = 700", "good side"),
        ('for = "5m"', 'for = "five"', "no duration"),
        ('"team", "mail"', '"teem"', "receiver.teem"),
        ('"critical"', '"bad"', "severity"),
        ('kind = "slack"', 'kind = "pager"', "kind is"),
        ("notify", "notfy", "no 'notfy'"),
        ("[[rule]]", "[[rules]]", r"\[rules\]"),
        ('to = ["ops@example.org"]', "", "server, from and to"),
    ],
)
def test_what_is_wrong_in_a_file_of_rules_is_named(tmp_path: Path, before: str, after: str, says: str) -> None:
    (tmp_path / "url").write_text("https://x")
    text = RULES.replace("URL", str(tmp_path / "url"))
    assert before in text
    (tmp_path / "rules.toml").write_text(text.replace(before, after))
    with pytest.raises(ConfigError, match=says):
        read_alert_settings(tmp_path / "rules.toml")


def test_the_rules_of_everybody_do_not_fire_on_a_healthy_cluster() -> None:
    alerts = Alerts(DEFAULT_RULES)
    good: dict[Series, float] = {}
    for rule in DEFAULT_RULES:
        good[Series(rule.metric)] = 0.0 if rule.above is not None else 1.0
    for minute in range(20):
        assert alerts.update(Snapshot(minute * MINUTE, dict(good))) == []
    assert json.loads(json.dumps([a.to_data() for a in alerts.shown()])) == []
