"""A second opinion on our codec: kafka-python reads what we write and writes the same bytes again."""

from __future__ import annotations

import importlib
import random
import warnings
from typing import Any

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.random_messages import random_struct
from kappaflow.wire.codec import encode_bytes
from kappaflow.wire.protocol_schema import body_schema

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    MODULES = [
        importlib.import_module(f"kafka.protocol.{name}") for name in ("producer", "consumer", "metadata", "admin")
    ]


def their_class(name: str) -> Any:
    return next((getattr(module, name) for module in MODULES if hasattr(module, name)), None)


CASES = [
    pytest.param(spec.key, version, direction, theirs, id=f"{spec.name}-v{version}-{direction}")
    for spec in API_TABLE.values()
    for direction in ("request", "response")
    if (theirs := their_class(spec.name + direction.title())) is not None
    for version in range(max(spec.min_version, 3 if spec.name == "Produce" else 0), spec.max_version + 1)
    if version <= theirs.max_version
    # Theirs tries version 0 first, whatever it is told.
    and (spec.name, direction) != ("ApiVersions", "response")
]


def test_most_apis_have_a_second_opinion() -> None:
    assert len({case.values[0] for case in CASES}) >= 20


@pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("api_key", "version", "direction", "theirs"), CASES)
def test_bytes_equal_kafka_python(api_key: int, version: int, direction: str, theirs: Any) -> None:
    rng = random.Random(f"{api_key}.{version}.{direction}")
    for _ in range(3):
        ours = encode_bytes(api_key, version, direction, random_struct(body_schema(api_key, version, direction), rng))
        message = theirs.decode(ours, version=version)
        message._header = None
        assert bytes(message.encode(version=version)) == ours
