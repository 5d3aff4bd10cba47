"""The users of a server: names and salted hashes of passwords in a file.

    name:pbkdf2-sha256:iterations:salt:hash        salt and hash in Base64, one user a line, # begins a comment

Source: RFC 8018 (PBKDF2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from kappaflow.errors import ConfigError

METHOD = "pbkdf2-sha256"
ITERATIONS = 210_000
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """What is kept of a password."""

    iterations: int
    salt: bytes
    hash: bytes

    @classmethod
    def of(cls, password: str, iterations: int = ITERATIONS) -> StoredPassword:
        """Hash a password with a new salt."""
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(iterations, salt, _hash(password, salt, iterations))

    def matches(self, password: str) -> bool:
        """Tell whether this is the password; takes as long for wrong ones."""
        return hmac.compare_digest(_hash(password, self.salt, self.iterations), self.hash)


NOBODY = StoredPassword(ITERATIONS, b"\0" * SALT_BYTES, b"\0" * 32)
"""The password of names that are no users: no password matches, and that takes as long to find out."""


def _hash(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def read_users(path: Path) -> dict[str, StoredPassword]:
    """Read the users of a file.

    Raises:
        ConfigError: it cannot be read, or a line is not understood; the message shows no hash.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(
            f"Cannot read the users of {path}: {error.strerror}. "
            f"Make the file with: kappa server user add NAME --users {path}"
        ) from None
    users: dict[str, StoredPassword] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            name, method, iterations, salt, digest = line.strip().split(":")
            if method != METHOD:
                raise ValueError
            users[name] = StoredPassword(int(iterations), base64.b64decode(salt), base64.b64decode(digest))
        except ValueError:
            raise ConfigError(
                f"Line {number} of {path} is no user. A line is name:{METHOD}:iterations:salt:hash, as "
                "kappa server user add writes it."
            ) from None
    return users


def write_user(path: Path, name: str, password: str) -> None:
    """Add a user to a file, or give it another password; only the owner of the file can read it.

    Raises:
        ConfigError: the name cannot be a user's, or the file cannot be read or written.
    """
    if not name or any(character in name for character in ":#\n\r") or name != name.strip():
        raise ConfigError(f"'{name}' cannot be the name of a user: it must not be empty or hold ':' or '#'.")
    users = read_users(path) if path.exists() else {}
    users[name] = StoredPassword.of(password)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            for known, stored in sorted(users.items()):
                salt, digest = base64.b64encode(stored.salt).decode(), base64.b64encode(stored.hash).decode()
                file.write(f"{known}:{METHOD}:{stored.iterations}:{salt}:{digest}\n")
        made.replace(path)
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror}.") from None
