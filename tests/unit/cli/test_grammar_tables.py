"""The parser's tables are kept between calls, but only where nobody else could put others."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.cli.sql.run import keep_tables
from kappaflow.sql.grammar import parser


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The cache is below `tmp_path`; returns what is kept."""
    found: list[Path] = []
    monkeypatch.setenv("KAPPA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(parser, "keep_tables_in", found.append)
    return found


def test_in_a_folder_of_the_users_own(tmp_path: Path, kept: list[Path]) -> None:
    keep_tables()
    assert kept == [tmp_path / "cache" / "sql" / "grammar"]
    assert kept[0].parent.stat().st_mode & 0o777 == 0o700


def test_not_where_others_may_write(tmp_path: Path, kept: list[Path]) -> None:
    folder = tmp_path / "cache" / "sql"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    keep_tables()
    assert not kept


def test_not_where_no_folder_can_be(tmp_path: Path, kept: list[Path]) -> None:
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    keep_tables()
    assert not kept
