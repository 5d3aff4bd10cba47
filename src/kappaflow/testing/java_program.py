"""Small Java programs against real Kafka jars: compiled once into the cache, then run as often as needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters.maven import class_path, resolve_jars
from kappaflow.ops.local_clusters.software import KAFKA_VERSION
from kappaflow.testing.toolchain import cache_directory, command_path, file_lock

KAFKA_STREAMS = (
    f"org.apache.kafka:kafka-streams:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-streams-test-utils:{KAFKA_VERSION}",
    "com.fasterxml.jackson.core:jackson-databind:2.21.2",
    "org.slf4j:slf4j-nop:1.7.36",
)


@dataclass(frozen=True)
class JavaProgram:
    """A compiled program.

    Attributes:
        main_class: the class with ``main``.
        classpath: classes and jars, as ``java -cp`` takes them.
    """

    main_class: str
    classpath: str

    def command(self, arguments: Sequence[str] = (), jvm_options: Sequence[str] = ("-Xmx512m",)) -> list[str]:
        """The command line, for callers that start the process themselves."""
        return [command_path("java"), *jvm_options, "-cp", self.classpath, self.main_class, *arguments]

    def run(
        self,
        arguments: Sequence[str] = (),
        *,
        stdin: str | None = None,
        timeout_s: float = 120,
        jvm_options: Sequence[str] = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
    ) -> str:
        """Run to the end and return what it printed to standard output.

        Raises:
            ConfigError: the program ended with another code than 0; the message has its last output.
        """
        # Streams and RocksDB write below java.io.tmpdir: a directory of its own for each run.
        with tempfile.TemporaryDirectory(prefix="kappa-java-") as scratch:
            done = subprocess.run(
                self.command(arguments, (*jvm_options, f"-Djava.io.tmpdir={scratch}")),
                input=stdin or "",
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        if done.returncode:
            raise ConfigError(
                f"{self.main_class} ended with code {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"
            )
        return done.stdout


def java_program(
    sources: Path | Sequence[Path], dependencies: Sequence[str] = KAFKA_STREAMS, main_class: str | None = None
) -> JavaProgram:
    """Compile a program, once per content of its sources.

    Args:
        sources: one source file, or several of which the first has ``main``.
        dependencies: Maven coordinates; Kafka Streams with its test driver and Jackson by default.
        main_class: the class with ``main``; by default the first file's name without its package.

    Raises:
        ConfigError: a tool is missing or the sources do not compile.
    """
    files = [sources] if isinstance(sources, Path) else list(sources)
    jars = resolve_jars(dependencies)
    digest = hashlib.sha256("\n".join(dependencies).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    home = cache_directory() / "java" / digest.hexdigest()[:16]
    classes = home / "classes"
    program = JavaProgram(main_class or files[0].stem, f"{classes}{os.pathsep}{class_path(jars)}")
    if classes.exists():
        return program
    with file_lock(home / "lock"):
        if classes.exists():
            return program
        fresh = home / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        compiler = [
            command_path("javac"),
            "-encoding",
            "UTF-8",
            "-nowarn",
            "-cp",
            class_path(jars),
            "-d",
            str(fresh),
        ]
        done = subprocess.run([*compiler, *map(str, files)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"{files[0].name} does not compile: {done.stderr[-3000:]}")
        fresh.rename(classes)
    return program
