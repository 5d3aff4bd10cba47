"""A JVM that is kept running and runs Kafka's command-line tools in it, one call after the other.

    with ToolRunner() as tools:
        tools.call("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--list").out

A tool that starts its own JVM needs most of a second for that alone; here a call takes a tenth.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from kappaflow.errors import ConfigError
from kappaflow.runtime.closing import Closing
from kappaflow.testing.apache_kafka import QUICK_JVM, broker_dependencies
from kappaflow.testing.java_program import KAFKA_VERSION, java_program

SOURCE = Path(__file__).with_name("ToolRunner.java")
CALL_TIMEOUT_S = 60.0
# Levels as the tools' own configuration has them: a warning or an error of the tool is seen, nothing else.
LOG4J2 = """\
shutdownHook = disable
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.follow = true
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c %m%n%throwable{short}
"""


@dataclass(frozen=True)
class ToolAnswer:
    """What one call gave.

    Attributes:
        code: its exit code; None where it was still running when its time was over.
        out: its standard output.
        err: its standard error, warnings and errors that it logged among it.
    """

    code: int | None
    out: str
    err: str


class ToolRunner(Closing):
    """The JVM; it ends when this process does.  Calls of several threads wait for each other.

    Args:
        version: Kafka's version.

    Raises:
        ConfigError: Java, Maven or the jars are missing.
    """

    def __init__(self, version: str = KAFKA_VERSION) -> None:
        program = java_program(SOURCE, broker_dependencies(version))
        self._directory = tempfile.TemporaryDirectory(prefix="kappa-tools-")
        settings = Path(self._directory.name) / "log4j2.properties"
        settings.write_text(LOG4J2)
        options = (
            "-Xmx256m",
            *QUICK_JVM,
            "-Djava.security.manager=allow",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            f"-Djava.io.tmpdir={self._directory.name}",
            f"-Dlog4j2.configurationFile={settings}",
        )
        self._log = Path(self._directory.name) / "stderr.txt"
        log = self._log.open("w")
        self._process = subprocess.Popen(
            program.command(jvm_options=options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
        log.close()
        self._lock = threading.Lock()

    def call(self, main_class: str, *arguments: str, stdin: str = "", timeout_s: float = CALL_TIMEOUT_S) -> ToolAnswer:
        """Run one tool to its end.

        Args:
            main_class: such as ``org.apache.kafka.tools.TopicCommand``.
            *arguments: its command line, complete.
            stdin: what it reads.
            timeout_s: when its thread is interrupted.

        Raises:
            ConfigError: the JVM has ended.
        """
        request = {"main": main_class, "arguments": arguments, "stdin": stdin, "timeout_ms": int(timeout_s * 1000)}
        with self._lock:
            to_jvm, from_jvm = self._process.stdin, self._process.stdout
            assert to_jvm is not None
            assert from_jvm is not None
            try:
                to_jvm.write(json.dumps(request) + "\n")
                to_jvm.flush()
                line = from_jvm.readline()
            except BrokenPipeError:
                line = ""
        if not line:
            code, why = self._process.wait(), self._log.read_text(errors="replace")[-2000:]
            raise ConfigError(f"The JVM that runs Kafka's tools ended with code {code}: {why}")
        answer = json.loads(line)
        return ToolAnswer(answer["code"], answer["out"], answer["err"])

    def close(self) -> None:
        """End the JVM."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()
        self._directory.cleanup()
