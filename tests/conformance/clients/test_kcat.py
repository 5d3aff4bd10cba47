"""kcat against the embedded broker, where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker

KCAT = shutil.which("kcat") or shutil.which("kafkacat")

pytestmark = pytest.mark.skipif(KCAT is None, reason="kcat is not installed")


def kcat(broker: EmbeddedBroker, *arguments: str, stdin: str = "") -> str:
    command = [KCAT or "kcat", "-b", broker.bootstrap_servers, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_list_produce_consume_query() -> None:
    with EmbeddedBroker() as broker:
        kcat(broker, "-P", "-t", "talk", "-K", ":", "-z", "lz4", stdin="a:one\nb:two\n")
        topics = {topic["topic"] for topic in json.loads(kcat(broker, "-L", "-J"))["topics"]}
        assert "talk" in topics
        assert kcat(broker, "-C", "-t", "talk", "-o", "beginning", "-e", "-q").split() == ["one", "two"]
        assert "offset 2" in kcat(broker, "-Q", "-t", "talk:0:-1")
        assert "one" in kcat(broker, "-G", "readers", "-c", "2", "-X", "auto.offset.reset=earliest", "talk")
