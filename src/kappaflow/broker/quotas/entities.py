"""What a quota is for: a user, a client id, both, an address, or the default of one of these.

Source: KIP-13, KIP-55 (precedence), KIP-546, KIP-599, KIP-612 (addresses).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode

USER, CLIENT_ID, IP = "user", "client-id", "ip"
DEFAULT_ENTITY = None
"""The name that stands for all without a quota of their own."""

PRODUCER_BYTE_RATE = "producer_byte_rate"
CONSUMER_BYTE_RATE = "consumer_byte_rate"
REQUEST_PERCENTAGE = "request_percentage"
CONTROLLER_MUTATION_RATE = "controller_mutation_rate"
CONNECTION_CREATION_RATE = "connection_creation_rate"

CLIENT_QUOTA_KEYS = (PRODUCER_BYTE_RATE, CONSUMER_BYTE_RATE, REQUEST_PERCENTAGE, CONTROLLER_MUTATION_RATE)
IP_QUOTA_KEYS = (CONNECTION_CREATION_RATE,)
LARGEST_VALUES = {
    PRODUCER_BYTE_RATE: (1 << 63) - 1,
    CONSUMER_BYTE_RATE: (1 << 63) - 1,
    CONNECTION_CREATION_RATE: (1 << 31) - 1,
}
"""Of quotas that are whole numbers."""

Entity = tuple[tuple[str, str | None], ...]
"""Pairs of a type and a name, sorted by type."""

CountKey = tuple[str, str]
"""A user and a client id that are counted together; empty where the quota is for all of them."""


def make_entity(parts: Iterable[tuple[str, str | None]]) -> Entity:
    """An entity of its parts.

    Raises:
        BrokerError: a type is unknown or twice there, or types do not go together.
    """
    entity = tuple(sorted(parts, key=lambda part: part[0]))
    kinds = [kind for kind, _ in entity]
    if unknown := set(kinds) - {USER, CLIENT_ID, IP}:
        raise _invalid(f"Unhandled client quota entity type: {', '.join(sorted(unknown))}")
    check_types(kinds)
    if not kinds:
        raise _invalid("Invalid empty client quota entity")
    if any(name == "" for _, name in entity):
        raise _invalid("Empty name in a client quota entity; leave it out for the default")
    if kinds == [IP] and entity[0][1] is not None:
        _check_address(entity[0][1])
    return entity


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise _invalid(f"{text} is not a valid IP address") from None


def check_types(kinds: list[str]) -> None:
    """Refuse types that do not go together.

    Raises:
        BrokerError: INVALID_REQUEST, or UNSUPPORTED_VERSION for an unknown type.
    """
    for kind in kinds:
        if kind not in (USER, CLIENT_ID, IP):
            raise BrokerError(
                ErrorCode.UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION", f"Custom entity type '{kind}' not supported"
            )
    if len(set(kinds)) != len(kinds):
        raise _invalid("Duplicate entity type in a client quota entity")
    if IP in kinds and len(kinds) > 1:
        raise _invalid("Invalid quota entity combination, IP entity should not be used with user or client id")


def check_value(entity: Entity, key: str, value: float) -> None:
    """Refuse a quota that an entity cannot have.

    Raises:
        BrokerError: INVALID_REQUEST.
    """
    known = IP_QUOTA_KEYS if entity[0][0] == IP else CLIENT_QUOTA_KEYS
    if key not in known:
        raise _invalid(f"Invalid configuration key {key}; there are: {', '.join(known)}")
    if not value > 0:
        raise _invalid(f"Quota {key} must be greater than 0")
    largest = LARGEST_VALUES.get(key)
    if largest is not None and (value > largest or value != int(value)):
        raise _invalid(f"{key} must be a whole number up to {largest}, not {value}")


def _invalid(text: str) -> BrokerError:
    return BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", text)


def candidates(user: str, client_id: str) -> Iterator[tuple[Entity, CountKey]]:
    """The entities whose quota may bind a client, the one that counts first, and who is counted together."""
    together: CountKey = (user, client_id)
    for user_name in (user, DEFAULT_ENTITY):
        for client_name in (client_id, DEFAULT_ENTITY):
            yield ((CLIENT_ID, client_name), (USER, user_name)), together
        yield ((USER, user_name),), (user, "")
    for client_name in (client_id, DEFAULT_ENTITY):
        yield ((CLIENT_ID, client_name),), ("", client_id)
