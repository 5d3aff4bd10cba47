"""The statements of the README and the guides, run as they are printed and compared with what is printed after them.

A ``sql`` block runs through ``kappa sql`` against one server a page; a ``python`` block runs as a script, with
``KAPPA_SERVER`` naming that server. A ``text`` block behind either is its whole output.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "guide"
PAGES = [ROOT / "README.md", *sorted(p for p in GUIDE.rglob("*.md") if ".ko" not in p.suffixes)]
WITHOUT_SERVER = GUIDE / "streams"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every code block."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def runs(page: Path) -> list[tuple[str, str, str | None]]:
    """Language, code and expected output of what is run."""
    found = [*blocks(page), ("", "")]
    return [
        (language, code, following if next_language == "text" else None)
        for (language, code), (next_language, following) in itertools.pairwise(found)
        if language in {"sql", "python"}
    ]


def output_of(command: list[str], url: str) -> str:
    environment = {**os.environ, "KAPPA_LANG": "en", "KAPPA_SERVER": url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [p for p in PAGES if runs(p)], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_a_page_shows_is_what_happens(page: Path) -> None:
    arguments = ["--property", "ksql.streams.commit.interval.ms=200"]
    alone = page.parent == WITHOUT_SERVER
    with nullcontext() if alone else EmbeddedServer(arguments=arguments) as server:
        for language, code, expected in runs(page):
            program = ["-m", "kappaflow.cli.main", "sql", "-e"] if language == "sql" else ["-c"]
            command = [sys.executable, *program, code]
            url = "" if server is None else server.url
            if expected is None:
                output_of(command, url)
            elif language == "python":
                assert output_of(command, url) == expected.strip()
            else:
                wanted = expected.strip()
                matches = lambda c=command, w=wanted, u=url: output_of(c, u) == w  # noqa: E731
                if not matches():
                    try:
                        wait_until(matches, f"the printed result of {code}", 30)
                    except Exception:
                        assert output_of(command, url) == wanted
                        raise


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_both_languages_show_the_same_code(page: Path) -> None:
    twin = page.with_suffix(".ko.md")
    if not twin.is_file():
        assert page.name == "functions.md"
        return
    checked = {"sql", "python", "text"}
    assert [b for b in blocks(twin) if b[0] in checked] == [b for b in blocks(page) if b[0] in checked]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_run() -> None:
    folder = ROOT / "examples"
    kappa = [sys.executable, "-m", "kappaflow.cli.main", "sql"]
    assert "1 passed, 0 failed" in output_of([*kappa, "test", str(folder / "query_test.json")], "")
    assert "shape: (6, 4)" in output_of([sys.executable, str(folder / "orders.py")], "")
    with EmbeddedServer() as server:
        assert "kitchen" in output_of([*kappa, "-f", str(folder / "hot_rooms.sql")], server.url)
    run_here = {"README.md", "query_test.json", "orders.py", "hot_rooms.sql"}
    assert {path.name for path in folder.iterdir() if path.is_file()} == run_here
