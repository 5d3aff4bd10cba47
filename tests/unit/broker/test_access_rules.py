"""The table of rules covers every API, and a request that is refused whole gets an answer in every version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.acl_store import AclStore
from kappaflow.broker.authorization.authorizer import Authorizer
from kappaflow.broker.authorization.refusals import refused
from kappaflow.broker.authorization.rules import ACCESS, REFUSALS, SUPPORTED_OPERATIONS, WHOLE_REQUEST
from kappaflow.broker.context import RequestContext
from kappaflow.broker.security.listeners import plaintext_listener
from kappaflow.broker.security.session import ClientSession
from kappaflow.wire.codec import decode, encode_bytes
from kappaflow.wire.message import Message


def test_every_api_has_a_rule() -> None:
    assert API_TABLE.keys() <= ACCESS.keys()
    for api_key, fields in WHOLE_REQUEST.items():
        assert fields.keys() <= ACCESS[api_key].keys()


def test_every_operation_asked_for_is_one_that_the_resource_has() -> None:
    for wanted in ACCESS.values():
        for resource_type, operation in wanted.items():
            assert operation in SUPPORTED_OPERATIONS.get(resource_type, (operation,))


def nobody(api_key: int, version: int) -> RequestContext:
    authorizer = Authorizer(AclStore(lambda _: None), frozenset(), allow_if_no_acl=False)
    broker = cast("Any", SimpleNamespace(authorizer=authorizer))
    return RequestContext(
        broker, version, "c", ClientSession(plaintext_listener("127.0.0.1", 1), "/127.0.0.1"), api_key
    )


WHOLE = [
    (key, version)
    for key in WHOLE_REQUEST
    if key in API_TABLE
    for version in range(API_TABLE[key].min_version, API_TABLE[key].max_version + 1)
]


@pytest.mark.parametrize(("api_key", "version"), WHOLE)
def test_a_whole_refusal_can_be_written_in_every_version(api_key: int, version: int) -> None:
    answer = refused(nobody(api_key, version), Message(group_id="g", transactional_id="t"))
    assert answer is not None
    written = encode_bytes(api_key, version, "response", answer)
    read = decode(api_key, version, "response", memoryview(written))
    expected = {REFUSALS[kind] for kind in WHOLE_REQUEST[api_key]}
    assert getattr(read, "error_code", answer.error_code) in expected
    assert ResourceType.UNKNOWN not in REFUSALS
