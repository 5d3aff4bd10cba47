"""The file of `--config`: keys are those of the flags, and one that there is not is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from kappaflow.cli.server.settings import add_shared_arguments, server_config
from kappaflow.cli.sql.test import add_arguments as add_test_arguments
from kappaflow.cli.sql.test import run as run_tests
from kappaflow.errors import ConfigError, UsageError
from kappaflow.server.configuration import ServerConfig


def configured(path: Path, text: str, *words: str) -> ServerConfig:
    file = path / "kappa.toml"
    file.write_text(text)
    parser = argparse.ArgumentParser()
    add_shared_arguments(parser)
    return server_config(parser.parse_args(["--config", str(file), *words]))


@pytest.mark.parametrize("key", ["http-port", "http_port"])
def test_keys_are_those_of_the_flags(key: str, tmp_path: Path) -> None:
    text = f'{key} = 18300\n[properties]\n"ksql.streams.commit.interval.ms" = 100\n'
    config = configured(tmp_path, text)
    assert (config.http_port, config.properties) == (18300, {"ksql.streams.commit.interval.ms": "100"})
    assert configured(tmp_path, text, "--http-port", "18400").http_port == 18400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("htp-port = 1", "there is no setting 'htp-port'. Did you mean 'http-port'?"),
        ("zzz = 1", "there is no setting 'zzz'.$"),
        ("users = 1\nuser = 2", "'user'. Did you mean 'users'?"),
        ("properties = 'a'", "'properties' is a table"),
        ("[http-port]\na = 1", "'http-port' is a value"),
        ("http-port = 'many'", "must be a whole number"),
        ("http-port", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told.replace("?", r"\?")):
        configured(tmp_path, text)


def test_a_directory_of_functions_has_to_be_there(tmp_path: Path) -> None:
    there, missing = tmp_path / "functions", tmp_path / "nodir"
    there.mkdir()
    assert configured(tmp_path, "", "--functions", str(there)).functions == str(there)
    with pytest.raises(ConfigError, match=f"--functions.*{missing}"):
        configured(tmp_path, "", "--functions", str(missing))
    with pytest.raises(ConfigError, match=f"--functions.*{missing}"):
        configured(tmp_path, f"functions = '{missing}'")
    with pytest.raises(UsageError, match=f"--functions.*{missing}"):
        run_tests(wanted_tests(str(tmp_path), "--functions", str(missing)))


def wanted_tests(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_test_arguments(parser)
    return parser.parse_args(words)
