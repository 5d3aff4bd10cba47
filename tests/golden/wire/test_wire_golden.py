"""Whole frames as bytes: requests as clients send them, responses as the broker answers them."""

from __future__ import annotations

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.wire.codec import MalformedMessage, decode, encode_bytes
from kappaflow.wire.headers import decode_request_header, response_prefix
from kappaflow.wire.message import Message

# Each as written by another implementation, with correlation id 7 and client id "golden".
REQUESTS = {
    "Produce 9": (
        "00000009000000070006676f6c64656e0000ffff0000753002076f726465727302000000020501020304000000",
        Message(
            transactional_id=None,
            acks=-1,
            timeout_ms=30000,
            topic_data=[Message(name="orders", partition_data=[Message(index=2, records=b"\1\2\3\4")])],
        ),
    ),
    "Produce 3": (
        (
            "00000003000000070006676f6c64656e 000274780001000075300000000100066f7264657273 "
            "00000001000000020000000401020304"
        ),
        Message(
            transactional_id="tx",
            acks=1,
            timeout_ms=30000,
            topic_data=[Message(name="orders", partition_data=[Message(index=2, records=b"\1\2\3\4")])],
        ),
    ),
    "Metadata 5": (
        "00030005000000070006676f6c64656e0000000100066f726465727301",
        Message(topics=[Message(name="orders")], allow_auto_topic_creation=True),
    ),
    "ApiVersions 3": (
        "00120003000000070006676f6c64656e00066b61666b6104312e3000",
        Message(client_software_name="kafka", client_software_version="1.0"),
    ),
    "JoinGroup 5": (
        (
            "000b0005000000070006676f6c64656e "
            "000167000027100000ea60000000036f6e650008636f6e73756d657200000001000572616e6765000000020001 "
        ),
        Message(
            group_id="g",
            session_timeout_ms=10000,
            rebalance_timeout_ms=60000,
            member_id="",
            group_instance_id="one",
            protocol_type="consumer",
            protocols=[Message(name="range", metadata=b"\0\1")],
        ),
    ),
}

RESPONSES = {
    # Correlation id, error, two keys: never a tagged field in the header, whatever the version.
    "ApiVersions 3": (
        "00000007 0000 03 0000 0000 000d 00 0001 0004 0012 00 00000000 00",
        Message(
            error_code=0,
            api_keys=[
                Message(api_key=0, min_version=0, max_version=13),
                Message(api_key=1, min_version=4, max_version=18),
            ],
            throttle_time_ms=0,
        ),
    ),
    "Heartbeat 4": ("00000007 00 00000000 001b 00", Message(throttle_time_ms=0, error_code=27)),
    "Heartbeat 1": ("00000007 00000000 001b", Message(throttle_time_ms=0, error_code=27)),
    "Fetch 12": (
        ("00000007 00 00000000 0000 00000000 02 026f 02 00000003 0000 0000000000000009 "
"0000000000000009 0000000000000002 00 ffffffff 04 aabbcc 00 00 00 "),
        Message(
            throttle_time_ms=0,
            error_code=0,
            session_id=0,
            responses=[
                Message(
                    topic="o",
                    partitions=[
                        Message(
                            partition_index=3,
                            error_code=0,
                            high_watermark=9,
                            last_stable_offset=9,
                            log_start_offset=2,
                            aborted_transactions=None,
                            preferred_read_replica=-1,
                            records=[b"\xaa", b"\xbb\xcc"],
                        )
                    ],
                )
            ],
        ),
    ),
}  # fmt: skip


def api(name: str) -> tuple[int, int, bool]:
    """(API key, version, whether it is flexible) of a case's name."""
    words = name.split()
    spec = next(spec for spec in API_TABLE.values() if spec.name == words[0])
    return spec.key, int(words[1]), int(words[1]) >= spec.flexible_from


def plain(value: object) -> object:
    """A message as nested dictionaries, to compare; record views as bytes."""
    if isinstance(value, Message):
        return {key: plain(item) for key, item in vars(value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_read_and_written_to_the_byte(name: str) -> None:
    text, expected = REQUESTS[name]
    key, version, flexible = api(name)
    frame = bytes.fromhex(text)
    header = decode_request_header(memoryview(frame), flexible)
    assert (header.api_key, header.api_version, header.correlation_id) == (key, version, 7)
    assert header.client_id == "golden"
    message = decode(key, version, "request", memoryview(frame), header.body_position)
    assert plain(message) == plain(expected)
    assert encode_bytes(key, version, "request", message, frame[: header.body_position]) == frame


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_are_written_to_the_byte(name: str) -> None:
    text, body = RESPONSES[name]
    key, version, flexible = api(name)
    written = encode_bytes(key, version, "response", body, response_prefix(key, 7, flexible))
    assert written.hex() == bytes.fromhex(text).hex()


@pytest.mark.parametrize("name", REQUESTS)
def test_headers_that_end_early_are_refused(name: str) -> None:
    frame = bytes.fromhex(REQUESTS[name][0])
    _, _, flexible = api(name)
    body_position = decode_request_header(memoryview(frame), flexible).body_position
    for length in range(body_position):
        with pytest.raises(MalformedMessage):
            decode_request_header(memoryview(frame)[:length], flexible)
