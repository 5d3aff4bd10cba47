"""Names that others rely on: the public Python names, every command and its documentation, what no file may hold."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import kappaflow
from kappaflow.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
FILE_BYTES_MAX = 400_000
MACHINE_PATHS = re.compile(r"(?<![\w.$}~-])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)/\w")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|crates\.io|repo1?\.maven\.|maven\.apache\.org/maven2|npmjs\.org|proxy\.golang\.org"
)
# This file names what it looks for; a README may show a badge or a path of an example.
NOT_SEARCHED = {"tests/architecture/test_names.py"}


def tracked() -> list[str]:
    """Files under version control that exist; without version control, the files of a source distribution."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        folders = ("src", "tests", "docs", "native/src", "examples")
        return [path.relative_to(ROOT).as_posix() for f in folders for path in (ROOT / f).rglob("*.*")]
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_public_names_are_sorted_and_importable() -> None:
    assert kappaflow.__all__ == sorted(kappaflow.__all__)
    for name in kappaflow.__all__:
        assert getattr(kappaflow, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = kappaflow.no_such_name


@pytest.mark.parametrize("package", ["kernel", "serde", "state", "database", "streams.topology"])
def test_exported_names_of_packages_are_there(package: str) -> None:
    module = import_module(f"kappaflow.{package}")
    assert not [name for name in module.__all__ if not hasattr(module, name)]


def test_the_version_is_the_same_everywhere() -> None:
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared is not None
    assert declared.group(1) == kappaflow.__version__
    assert f"## [{kappaflow.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_module_and_a_documented_line(name: str) -> None:
    module = import_module(COMMANDS[name].module)
    assert callable(module.add_arguments)
    assert callable(module.run)
    for page in ("commands.md", "commands.ko.md"):
        assert f"## kappa {name}\n" in (ROOT / "docs" / "guide" / page).read_text(encoding="utf-8")


def test_the_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "docs" / "write_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_guide_is_there_in_both_languages_and_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs" / "guide").rglob("*.md")]:
        if page.name == "functions.md" or page.name.endswith(".ko.md"):
            continue
        assert page.with_suffix(".ko.md").is_file(), f"{page.name} has no Korean twin"
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_no_file_names_this_machine_or_a_registry() -> None:
    found: list[str] = []
    for name in tracked():
        if name in NOT_SEARCHED:
            continue
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        for pattern in (MACHINE_PATHS, REGISTRIES):
            found += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_no_file_is_large() -> None:
    assert [name for name in tracked() if (ROOT / name).stat().st_size > FILE_BYTES_MAX] == []


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        text = path.read_text(encoding="utf-8")
        for heading in ("## Context", "## Measurement", "## Decision", "## Consequences"):
            assert heading in text, f"{path.name} has no {heading}"
