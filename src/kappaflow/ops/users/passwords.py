"""A user's password, and what SCRAM makes of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kappaflow.errors import UsageError
from kappaflow.ops.users import texts as _texts
from kappaflow.runtime.messages import message

assert _texts
VARIABLE = "KAPPA_PASSWORD"
ITERATIONS, ITERATIONS_MIN, ITERATIONS_MAX = 4096, 4096, 16384
"""What brokers take. Source: ScramMechanism of Apache Kafka (least), ScramControlManager (most)."""
SALT_BYTES = 24
_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


def read_password(path: str) -> str:
    """The first line of a file, or ``KAPPA_PASSWORD`` where no file is named.

    Raises:
        UsageError: there is none.
    """
    if not path:
        password = os.environ.get(VARIABLE, "")
    else:
        try:
            password = (Path(path).read_text(encoding="utf-8").splitlines() or [""])[0]
        except OSError as error:
            raise UsageError(message("user.unreadable", path=path, reason=error.strerror)) from error
    if not password:
        raise UsageError(message("user.no_password"))
    return password


def salted_password(mechanism: str, password: str, salt: bytes, iterations: int) -> bytes:
    """What the brokers are told instead of the password.

    Source: RFC 5802, ``Hi``; Kafka does not normalise the password.

    >>> salted_password("SCRAM-SHA-256", "pencil", b"salt", 4096).hex()[:16]
    '0997564f29292327'
    """
    return hashlib.pbkdf2_hmac(_HASHES[mechanism], password.encode(), salt, iterations)
