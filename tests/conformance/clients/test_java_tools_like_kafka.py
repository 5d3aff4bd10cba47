"""Each of Kafka's command-line tools, answers and refusals, on our broker and on a real Apache Kafka."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from kappaflow.testing.java_tools.calls import CALLS, CLUSTER, FILES, Call
from kappaflow.testing.java_tools.comparison import Allowed, comparable, differences
from kappaflow.testing.java_tools.tool_runner import ToolAnswer, ToolRunner

pytestmark = pytest.mark.java

BAD_USAGE = re.compile(r"unrecognized|not a recognized option|^usage:", re.MULTILINE)
NOT_TO_BE_SET = "settings of broker, groups and client metrics are given when the broker starts, not at run time"
NO_INTERNAL_TOPICS = "offsets and transactions are kept in journals, not in topics"
CLUSTER_DEFAULT = "a cluster of Kafka has min.insync.replicas among its settings; ours has no settings of the cluster"
ALLOWED = (
    Allowed("api versions", r"DelegationToken\(|TelemetrySubscriptions|PushTelemetry|Share|RaftVoter|Streams",
            "delegation tokens, telemetry, share groups, voters and Streams groups are not offered"),
    Allowed("topics describe( overrides)?", r"^[-+]Topic: .* Configs: ", CLUSTER_DEFAULT),
    Allowed("configs describe all", r"min\.insync\.replicas", CLUSTER_DEFAULT),
    Allowed("configs broker (all|default).*", r"", "each broker has its own settings; ours are fewer"),
    Allowed("configs broker (alter|delete|describe|default).*", r"", NOT_TO_BE_SET),
    Allowed("configs groups.*", r"", NOT_TO_BE_SET),
    Allowed("configs metrics alter|client metrics list", r"", NOT_TO_BE_SET),
    Allowed("configs loggers", r"^-.*=[A-Z]+ sensitive=false", "loggers of Java classes"),
    Allowed("share groups d|streams groups d", r"GroupIdNotFound|UnsupportedVersion", "such groups are not offered"),
    Allowed("get-offsets all|topics list end", r"^-__(consumer_offsets|transaction_state)", NO_INTERNAL_TOPICS),
    Allowed("transactions describe", r"Ongoing", "how long it has been open", always=False),
    Allowed("get-offsets max", r"talk:0", "the producer's clock ticks between records or does not", always=False),
    Allowed("features", r"^-Feature: (eligible|kraft|metadata|share|streams)", "replication and other groups"),
    Allowed("features down", r"downgraded?|exit code|operation", "levels of features are fixed"),
    Allowed("quorum( r)?", r"Epoch|HighWatermark|CurrentVoters|Leader", "metadata is a journal of one node"),
    Allowed("delegation token", r"Unsupported(ByAuthentication|Version)Exception", "tokens are not offered"),
)  # fmt: skip


class Side:
    """One broker and the JVM that calls it, with the clients that a call may need."""

    def __init__(self, address: str, files: Path) -> None:
        self.address = address
        self.files = files
        self.clients: dict[str, Any] = {}
        self.actions: dict[str, Callable[[], None]] = {
            "a member joins": self._join,
            "the member leaves": lambda: self.clients.pop("member").close(),
            "a transaction is open": self._begin,
        }

    def run(self, slow: bool) -> list[ToolAnswer]:
        """The answers to all calls but those that wait for ever, or to those and what they need."""
        with ToolRunner() as tools:
            return [self._answer(tools, call) for call in chosen(slow)]

    def _answer(self, tools: ToolRunner, call: Call) -> ToolAnswer:
        if call.before:
            self.actions[call.before]()
        arguments = shlex.split(call.arguments.replace("{files}", str(self.files)))
        place = 1 if call.tool == CLUSTER else 0
        arguments[place:place] = ["--bootstrap-server", self.address]
        answer = tools.call(call.tool, *arguments, stdin=call.stdin, timeout_s=call.timeout_s or 60)
        assert not BAD_USAGE.search(answer.err), f"{call.name}: {answer.err}"
        return answer

    def _join(self) -> None:
        settings = {
            "bootstrap.servers": self.address, "group.id": "live", "client.id": "cli", "auto.offset.reset": "earliest",
        }  # fmt: skip
        member = self.clients["member"] = Consumer(settings)
        member.subscribe(["talk"])
        assert len(member.consume(3, 20)) == 3
        member.commit(asynchronous=False)

    def _begin(self) -> None:
        producer = self.clients["producer"] = Producer(
            {"bootstrap.servers": self.address, "transactional.id": "open", "transaction.timeout.ms": 60_000}
        )
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce("talk", b"x", partition=0)
        producer.flush()


def chosen(slow: bool) -> list[Call]:
    return [call for call in CALLS if slow or call.timeout_s is None]


def compare(pair: Any, directory: Path, slow: bool) -> tuple[list[str], set[Allowed]]:
    """What differs and may not, and what was allowed and did differ."""
    for name, text in FILES.items():
        (directory / name).write_text(text)
    sides = [Side(address, directory) for address in (pair.ours, pair.theirs)]
    with ThreadPoolExecutor(2) as both:
        ours, theirs = both.map(lambda side: side.run(slow), sides)
    wrong: list[str] = []
    used: set[Allowed] = set()
    for call, our_answer, their_answer in zip(chosen(slow), ours, theirs, strict=True):
        found = differences(comparable(our_answer, pair.directories), comparable(their_answer, pair.directories))
        for line in found:
            allowed = [a for a in ALLOWED if re.fullmatch(a.call, call.name) and re.search(a.lines, line)]
            used.update(allowed)
            if not allowed:
                wrong.append(f"{call.name}: {line[:300]}")
    return wrong, used


@pytest.mark.timeout(300)
def test_every_call_is_answered_as_kafka_does(fresh_pair: Any, tmp_path: Path) -> None:
    wrong, used = compare(fresh_pair, tmp_path, slow=False)
    assert not wrong, "\n".join(wrong)
    assert not [a for a in ALLOWED if a.always and a not in used], "an allowed difference that is none any more"


@pytest.mark.real
@pytest.mark.timeout(240)
def test_calls_that_wait_for_ever_wait_for_kafka_too(fresh_pair: Any, tmp_path: Path) -> None:
    wrong, _ = compare(fresh_pair, tmp_path, slow=True)
    assert not wrong, "\n".join(wrong)
