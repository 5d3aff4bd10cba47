"""Kafka's own command-line tools against the embedded broker."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.java_tools.tool_runner import ToolRunner

pytestmark = pytest.mark.java

TOPICS = "org.apache.kafka.tools.TopicCommand"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance"
VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer"
DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand"
API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand"
DUMP_LOG = "org.apache.kafka.tools.DumpLogSegments"


class Tools:
    """Runs the tools against one broker."""

    def __init__(self, broker: EmbeddedBroker, runner: ToolRunner) -> None:
        self.broker = broker
        self._runner = runner

    def run(self, tool: str, *arguments: str, stdin: str = "", server: bool = True) -> str:
        """Standard output of one tool, which must succeed."""
        address = ["--bootstrap-server", self.broker.bootstrap_servers] if server else []
        done = self._runner.call(tool, *address, *arguments, stdin=stdin)
        assert done.code == 0, done.out[-2000:] + done.err[-3000:]
        assert "Exception" not in done.out, done.out[-3000:]
        return done.out


@pytest.fixture(scope="module")
def tools() -> Generator[Tools]:
    with EmbeddedBroker() as broker, ToolRunner() as runner:
        yield Tools(broker, runner)


def test_topics_are_created_listed_described_grown_and_deleted(tools: Tools) -> None:
    tools.run(TOPICS, "--create", "--topic", "made", "--partitions", "3", "--config", "retention.ms=100000")
    assert "made" in tools.run(TOPICS, "--list").split()
    described = tools.run(TOPICS, "--describe", "--topic", "made")
    assert "PartitionCount: 3" in described
    assert "retention.ms=100000" in described
    assert re.search(r"Partition: 2\s+Leader: 1\s+Replicas: 1\s+Isr: 1", described)
    tools.run(TOPICS, "--alter", "--topic", "made", "--partitions", "5")
    assert "PartitionCount: 5" in tools.run(TOPICS, "--describe", "--topic", "made")
    tools.run(TOPICS, "--delete", "--topic", "made")
    assert "made" not in tools.run(TOPICS, "--list").split()


def test_console_producer_and_consumer_with_a_group(tools: Tools) -> None:
    tools.run(TOPICS, "--create", "--topic", "talk", "--partitions", "2")
    tools.run(CONSOLE_PRODUCER, "--topic", "talk", stdin="one\ntwo\nthree\n")
    read = ["--topic", "talk", "--group", "listeners", "--from-beginning", "--timeout-ms", "20000"]
    assert sorted(tools.run(CONSOLE_CONSUMER, *read, "--max-messages", "3").split()) == ["one", "three", "two"]
    assert "listeners" in tools.run(GROUPS, "--list").split()
    rows = [line.split() for line in tools.run(GROUPS, "--describe", "--group", "listeners").splitlines()]
    lags = {row[2]: row[5] for row in rows if row[:2] == ["listeners", "talk"]}
    assert lags == {"0": "0", "1": "0"}
    tools.run(CONSOLE_PRODUCER, "--topic", "talk", stdin="four\n")
    assert tools.run(CONSOLE_CONSUMER, *read, "--max-messages", "1").split() == ["four"]
    tools.run(GROUPS, "--group", "listeners", "--topic", "talk", "--reset-offsets", "--to-earliest", "--execute")
    assert len(tools.run(CONSOLE_CONSUMER, *read, "--max-messages", "4").split()) == 4
    tools.run(GROUPS, "--delete-offsets", "--group", "listeners", "--topic", "talk")
    tools.run(GROUPS, "--delete", "--group", "listeners")
    assert "listeners" not in tools.run(GROUPS, "--list").split()


def test_configs_are_described_and_altered(tools: Tools) -> None:
    tools.run(TOPICS, "--create", "--topic", "tuned")
    tools.run(CONFIGS, "--alter", "--topic", "tuned", "--add-config", "retention.bytes=5000,cleanup.policy=compact")
    described = tools.run(CONFIGS, "--describe", "--topic", "tuned")
    assert "retention.bytes=5000" in described
    assert "cleanup.policy=compact" in described
    tools.run(CONFIGS, "--alter", "--topic", "tuned", "--delete-config", "retention.bytes")
    assert "retention.bytes" not in tools.run(CONFIGS, "--describe", "--topic", "tuned")
    assert "segment.bytes=1073741824" in tools.run(CONFIGS, "--describe", "--topic", "tuned", "--all")
    assert "num.partitions=1" in tools.run(CONFIGS, "--describe", "--broker", "1", "--all")


def test_performance_tools_offsets_and_delete_records(tools: Tools, tmp_path: Path) -> None:
    tools.run(TOPICS, "--create", "--topic", "load", "--partitions", "2")
    report = tools.run(
        PRODUCER_PERFORMANCE,
        *("--topic", "load", "--num-records", "20000", "--record-size", "100", "--throughput", "-1"),
        *("--producer-props", f"bootstrap.servers={tools.broker.bootstrap_servers}", "compression.type=lz4"),
        server=False,
    )
    assert "20000 records sent" in report
    tools.run(CONSUMER_PERFORMANCE, "--topic", "load", "--num-records", "20000", "--timeout", "20000")
    sent = tools.run(VERIFIABLE_PRODUCER, "--topic", "load", "--max-messages", "100")
    assert json.loads(sent.splitlines()[-1])["acked"] == 100
    ends = [int(line.split(":")[2]) for line in tools.run(OFFSETS, "--topic", "load").split()]
    assert sum(ends) == 20_100
    wanted = tmp_path / "delete.json"
    wanted.write_text('{"version": 1, "partitions": [{"topic": "load", "partition": 0, "offset": -1}]}')
    assert f"low_watermark: {ends[0]}" in tools.run(DELETE_RECORDS, "--offset-json-file", str(wanted))
    earliest = tools.run(OFFSETS, "--topic", "load", "--time", "earliest").split()
    assert f"load:0:{ends[0]}" in earliest


def test_every_api_that_we_list_is_usable(tools: Tools) -> None:
    lines = tools.run(API_VERSIONS).splitlines()
    listed = {line.strip().split("(")[0]: line for line in lines if "(" in line}
    for name in ("Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "JoinGroup", "DescribeTopicPartitions"):
        assert "usable" in listed[name], listed[name]


def test_the_segment_files_are_kafkas(tools: Tools) -> None:
    tools.run(TOPICS, "--create", "--topic", "dumped")
    tools.run(CONSOLE_PRODUCER, "--topic", "dumped", stdin="written\n")
    files = tools.broker.data_dir / "dumped-0" / "00000000000000000000.log"
    dumped = tools.run(DUMP_LOG, "--files", str(files), "--print-data-log", server=False)
    assert "isvalid: true" in dumped
    assert "payload: written" in dumped
