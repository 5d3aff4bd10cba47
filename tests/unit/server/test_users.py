"""The file of users, and which addresses a server binds."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from kappaflow.database.access import Access
from kappaflow.errors import ConfigError, UnsafeError
from kappaflow.server.configuration import WORKERS_NAME, ServerConfig
from kappaflow.server.control.authentication import Users
from kappaflow.server.users import read_users, write_user


def test_users_are_written_read_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_user(path, "ada", "first")
    write_user(path, "bob", "pass:word")
    write_user(path, "ada", "second")
    users = read_users(path)
    assert sorted(users) == ["ada", "bob"]
    assert users["ada"].matches("second") and not users["ada"].matches("first")
    assert users["bob"].matches("pass:word")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "second" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "a:b", " a", "#a", "a\nb"])
def test_names_that_no_user_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        write_user(tmp_path / "users", name, "x")


def test_a_line_that_is_no_user(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("# a comment\n\nada:plain:secret\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="Line 3") as refused:
        read_users(path)
    assert "secret" not in str(refused.value)


def test_a_running_server_notices_changes(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_user(path, "ada", "first")
    users = Users(path, "token")

    def is_user(name: str, password: str) -> bool:
        return asyncio.run(users.are(name, password))

    assert is_user("ada", "first") and is_user("ada", "first")
    assert not is_user("ada", "wrong")
    assert not is_user("eve", "first")
    assert is_user(WORKERS_NAME, "token") and not is_user(WORKERS_NAME, "")
    write_user(path, "ada", "second")
    assert is_user("ada", "second") and not is_user("ada", "first")
    path.write_text("broken", encoding="utf-8")
    assert is_user("ada", "second")  # until somebody mends the file


def test_nobody_but_users_from_elsewhere(tmp_path: Path) -> None:
    users = tmp_path / "users"
    with pytest.raises(UnsafeError, match="has no authentication"):
        ServerConfig(http_host="0.0.0.0").check()
    with pytest.raises(ConfigError, match="no such file"):
        ServerConfig(http_host="0.0.0.0", users_file=str(users)).check()
    write_user(users, "ada", "x")
    config = ServerConfig(http_host="0.0.0.0", users_file=str(users))
    config.check()
    assert config.own_url(1) == "http://127.0.0.1:1"
    with pytest.raises(UnsafeError, match="--host is for the embedded"):
        ServerConfig(host="0.0.0.0", users_file=str(users)).check()
    with pytest.raises(ConfigError, match="both --tls-certificate and --tls-key"):
        ServerConfig(tls_certificate=str(users)).check()
    assert "token" not in repr(ServerConfig(internal_token="token"))


def test_addresses_with_a_user() -> None:
    assert Access.of("https://ada:a%40b@host:1/").auth == ("ada", "a@b")
    assert Access.of("https://ada:x@host:1/").url == "https://host:1"
    assert Access.of("http://host", "ada", "p%40").auth == ("ada", "p%40")
    assert Access.of("http://host").auth is None
