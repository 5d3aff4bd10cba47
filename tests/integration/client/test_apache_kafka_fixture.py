"""The fixture itself: a cluster that is ready when it says so, and Java programs beside it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka, live_brokers
from kappaflow.testing.java_program import java_program

pytestmark = pytest.mark.java


def port_of(cluster: ApacheKafka) -> int:
    return int(cluster.bootstrap_servers.split(",", maxsplit=1)[0].rpartition(":")[2])


def test_command_line_tools_reach_the_broker(kafka: ApacheKafka) -> None:
    tool = "org.apache.kafka.tools.TopicCommand"
    address = ["--bootstrap-server", kafka.bootstrap_servers]
    kafka.java_tool(tool, *address, "--create", "--topic", "fixture-tools", "--partitions", "3")
    assert "PartitionCount: 3" in kafka.java_tool(tool, *address, "--describe", "--topic", "fixture-tools")


def test_java_programs_are_compiled_and_run(tmp_path: Path) -> None:
    source = tmp_path / "Versions.java"
    source.write_text(
        textwrap.dedent("""\
            public class Versions {
                public static void main(String[] a) throws Exception {
                    String line = new String(System.in.readAllBytes());
                    System.out.print(org.apache.kafka.common.utils.AppInfoParser.getVersion() + line + a[0]);
                }
            }
            """)
    )
    assert java_program(source).run(["!"], stdin=" ok") == "4.3.0 ok!"


@pytest.mark.slow
def test_a_node_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from kappaflow.testing.apache_kafka import ApacheKafka
        print(ApacheKafka(directory=Path(sys.argv[1])).bootstrap_servers, flush=True)
        sys.stdin.read()
        """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline().rpartition(":")[2])
        assert live_brokers(port) == 1
        owner.kill()
    deadline = time.monotonic() + 10
    while live_brokers(port):
        assert time.monotonic() < deadline, "the broker outlived the process that started it"
        time.sleep(0.05)
