"""Settings of a server: flags, then ``KAPPA_*`` variables, then a TOML file, then defaults."""

from __future__ import annotations

import argparse
import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

from kappaflow.cli.messages import message
from kappaflow.cli.server import texts as _texts
from kappaflow.errors import ConfigError, UsageError
from kappaflow.server.configuration import ServerConfig

assert _texts
PROPERTIES = "properties"
_FLAGS = {"users": "users_file"}
"""The settings of flags that have another name."""
NUMBERS = {"kafka_port", "http_port", "workers", "replication_factor"}
NAMES = (
    "data_dir",
    "host",
    "kafka_port",
    "http_port",
    "workers",
    "service_id",
    "replication_factor",
    "flush",
    "functions",
    "http_host",
    "users_file",
    "tls_certificate",
    "tls_key",
    "bootstrap_servers",
)


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that both commands have; defaults are applied later, after file and environment."""
    parser.add_argument("--data-dir", metavar="D", help=message("up.data_dir"))
    parser.add_argument("--http-port", type=int, metavar="P", help=message("up.http_port"))
    parser.add_argument("--host", help=message("up.host"))
    parser.add_argument("--http-host", metavar="ADDRESS", help=message("up.http_host"))
    parser.add_argument("--users", dest="users_file", metavar="FILE", help=message("up.users"))
    parser.add_argument("--tls-certificate", metavar="FILE", help=message("up.tls_certificate"))
    parser.add_argument("--tls-key", metavar="FILE", help=message("up.tls_key"))
    parser.add_argument("--workers", type=int, metavar="N", help=message("up.workers"))
    parser.add_argument("--service-id", metavar="ID", help=message("up.service_id"))
    parser.add_argument("--functions", metavar="DIR", help=message("up.functions"))
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help=message("up.property"))
    parser.add_argument("--config", type=Path, metavar="FILE", help=message("up.config"))


def server_config(arguments: argparse.Namespace) -> ServerConfig:
    """Merge the layers.

    Raises:
        ConfigError: the file cannot be read, a value is of the wrong kind, or there is no directory of functions.
        UsageError: a --property is not name=value.
    """
    flags: dict[str, Any] = {name: getattr(arguments, name, None) for name in NAMES}
    layers: tuple[dict[str, Any], ...] = (_file(arguments.config), _environment(), flags)
    merged: dict[str, Any] = {}
    properties: dict[str, str] = {}
    for layer in layers:
        merged.update({name: value for name, value in layer.items() if value is not None and name in NAMES})
        properties.update({str(k): str(v) for k, v in layer.get(PROPERTIES, {}).items()})
    for text in arguments.property:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(message("up.bad_property", text=text))
        properties[name.strip()] = value.strip()
    for name in NUMBERS & merged.keys():
        merged[name] = _number(name, merged[name])
    config = ServerConfig(**merged, properties=properties)
    config.check()
    if config.functions and not Path(config.functions).is_dir():
        raise ConfigError(message("up.no_functions", path=config.functions))
    return config


def _number(name: str, value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise ConfigError(message("up.not_a_number", name=name, value=value)) from None


def _environment() -> dict[str, Any]:
    return {name: os.environ.get(f"KAPPA_{name.upper()}") for name in NAMES}


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(message("up.unreadable", path=path, why=error.strerror)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(message("up.not_toml", path=path, why=error)) from error
    known = dict(zip((*NAMES, PROPERTIES), (*NAMES, PROPERTIES), strict=True)) | _FLAGS
    settings: dict[str, Any] = {}
    for key, value in found.items():
        spelt = key.replace("-", "_")
        name = known.get(spelt)
        if name is None:
            nearest = difflib.get_close_matches(spelt, known, n=1, cutoff=0.6)
            hint = message("up.nearest", name=nearest[0].replace("_", "-")) if nearest else ""
            raise ConfigError(message("up.unknown_setting", path=path, name=key, hint=hint).rstrip())
        if isinstance(value, dict) != (name == PROPERTIES):
            raise ConfigError(message("up.no_table" if name == PROPERTIES else "up.not_a_table", path=path, name=key))
        settings[name] = value
    return settings
