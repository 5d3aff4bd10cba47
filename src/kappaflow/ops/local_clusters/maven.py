"""Jars from Maven Central, resolved once into a cache directory and used offline from then on."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.ops.local_clusters.programs import command_path, file_lock
from kappaflow.runtime.cache_directory import cache_directory
from kappaflow.runtime.messages import message

assert _texts

MAVEN_TIMEOUT_S = 600
COMPLETE_MARK = "complete"


def pom_text(dependencies: Sequence[str]) -> str:
    """A project file that depends on the given artifacts.

    Args:
        dependencies: coordinates of the form ``group:artifact:version[:classifier]``.
    """
    rows: list[str] = []
    for coordinate in dependencies:
        group, artifact, version, *rest = (escape(part) for part in coordinate.split(":"))
        classifier = f"<classifier>{rest[0]}</classifier>" if rest else ""
        rows.append(
            f"    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>{classifier}</dependency>"
        )
    return "\n".join(
        [
            '<project xmlns="http://maven.apache.org/POM/4.0.0">',
            "  <modelVersion>4.0.0</modelVersion>",
            "  <groupId>kappaflow.testing</groupId>",
            "  <artifactId>resolved</artifactId>",
            "  <version>1</version>",
            "  <dependencies>",
            *rows,
            "  </dependencies>",
            "</project>",
            "",
        ]
    )


def resolve_jars(dependencies: Sequence[str]) -> Path:
    """The directory with the jars of the given artifacts and of all they need at run time.

    The first call downloads; later calls only look into the cache and need no network.

    Args:
        dependencies: coordinates of the form ``group:artifact:version[:classifier]``.

    Raises:
        ConfigError: Maven is missing, or the artifacts cannot be resolved.
    """
    pom = pom_text(dependencies)
    home = cache_directory() / "maven" / hashlib.sha256(pom.encode()).hexdigest()[:16]
    jars = home / "jars"
    if (home / COMPLETE_MARK).exists():
        return jars
    maven = command_path("mvn")
    with file_lock(home / "lock"):
        if (home / COMPLETE_MARK).exists():
            return jars
        (home / "pom.xml").write_text(pom)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        done = subprocess.run(
            [maven, "--quiet", "--batch-mode", *goal],
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAVEN_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            output = (done.stdout + done.stderr).strip()[-600:]
            raise ConfigError(message("local_clusters.unresolved", dependencies=", ".join(dependencies), output=output))
        (home / COMPLETE_MARK).touch()
    return jars


def class_path(directory: Path) -> str:
    """The Java class path entry for all jars of a directory."""
    return f"{directory}/*"
