"""SCRAM: salted credentials, and the server's side of a log-on.

client-first  n,,n=user,r=nonce            server-first  r=nonce+ours,s=salt,i=iterations
client-final  c=...,r=nonce+ours,p=proof   server-final  v=signature

Source: RFC 5802, RFC 7677; KIP-84.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

MIN_ITERATIONS, MAX_ITERATIONS = 4096, 16384
SALT_BYTES = 24
NONCE_BYTES = 24


class AuthenticationFailed(Exception):
    """The client is not who it says; the text is for the client and says no more than it may know."""


@dataclass(frozen=True, slots=True)
class ScramMechanism:
    """One SCRAM mechanism.

    Attributes:
        name: as clients name it.
        code: as ``AlterUserScramCredentials`` numbers it.
        digest: the hash function's name.
    """

    name: str
    code: int
    digest: str

    def salted_password(self, password: str, salt: bytes, iterations: int) -> bytes:
        """What the password becomes; takes milliseconds, on purpose."""
        return hashlib.pbkdf2_hmac(self.digest, password.encode(), salt, iterations)

    def keyed_hash(self, key: bytes, text: bytes) -> bytes:
        """HMAC."""
        return hmac.digest(key, text, self.digest)

    def hash(self, text: bytes) -> bytes:
        """The plain hash."""
        return hashlib.new(self.digest, text).digest()


SCRAM_MECHANISMS = {
    mechanism.name: mechanism
    for mechanism in (
        ScramMechanism("SCRAM-SHA-256", 1, "sha256"),
        ScramMechanism("SCRAM-SHA-512", 2, "sha512"),
    )
}
SCRAM_BY_CODE = {mechanism.code: mechanism for mechanism in SCRAM_MECHANISMS.values()}


@dataclass(frozen=True, slots=True, repr=False)
class ScramCredential:
    """What is kept of a password: enough to check it, not enough to know it.

    Attributes:
        salt: random bytes.
        stored_key: checks the client's proof.
        server_key: signs for the server.
        iterations: how often the password was hashed.
    """

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int


def credential_of_salted(
    mechanism: ScramMechanism, salted_password: bytes, salt: bytes, iterations: int
) -> ScramCredential:
    """The credential of a password that is salted already."""
    return ScramCredential(
        salt,
        mechanism.hash(mechanism.keyed_hash(salted_password, b"Client Key")),
        mechanism.keyed_hash(salted_password, b"Server Key"),
        iterations,
    )


def credential_of_password(
    mechanism: ScramMechanism, password: str, iterations: int = MIN_ITERATIONS
) -> ScramCredential:
    """The credential of a password, with fresh salt."""
    salt = secrets.token_bytes(SALT_BYTES)
    return credential_of_salted(mechanism, mechanism.salted_password(password, salt, iterations), salt, iterations)


def password_matches(mechanism: ScramMechanism, credential: ScramCredential, password: str) -> bool:
    """Whether a password is that of a credential; takes milliseconds."""
    salted = mechanism.salted_password(password, credential.salt, credential.iterations)
    return hmac.compare_digest(
        credential_of_salted(mechanism, salted, credential.salt, credential.iterations).stored_key,
        credential.stored_key,
    )


_STRANGER_SECRET = secrets.token_bytes(32)


def stranger_credential(mechanism: ScramMechanism, user: str) -> ScramCredential:
    """A credential that nobody can use: a stranger's log-on looks like one with a wrong password."""
    salt = hmac.digest(_STRANGER_SECRET, user.encode(), "sha256")[:SALT_BYTES]
    return ScramCredential(salt, secrets.token_bytes(len(mechanism.hash(b""))), b"", MIN_ITERATIONS)


class ScramServer:
    """One log-on.

    Args:
        mechanism: which SCRAM.
        credential_of: finds the credential of a user.

    Attributes:
        user: who it is, once `is_complete`.
        is_complete: whether the client has proven itself.
    """

    def __init__(
        self,
        mechanism: ScramMechanism,
        credential_of: Callable[[str], ScramCredential | None],
        nonce: str | None = None,
    ) -> None:
        self.user = ""
        self.is_complete = False
        self._mechanism = mechanism
        self._credential_of = credential_of
        self._nonce = nonce or secrets.token_urlsafe(NONCE_BYTES)
        self._credential: ScramCredential | None = None
        self._channel = ""
        self._signed = ""

    def respond(self, token: bytes) -> bytes:
        """The answer to a client's message.

        Raises:
            AuthenticationFailed: the message makes no sense or the proof is wrong.
        """
        try:
            text = token.decode()
        except UnicodeDecodeError:
            raise AuthenticationFailed("Authentication failed: the SCRAM message is not UTF-8.") from None
        if self.is_complete:
            raise AuthenticationFailed("Authentication failed: a message after the last.")
        return (self._first(text) if self._credential is None else self._final(text)).encode()

    def _first(self, text: str) -> str:
        binding, _, rest = text.partition(",")
        authorization, _, bare = rest.partition(",")
        fields = _fields(bare)
        if binding not in ("n", "y") or not bare.startswith("n=") or not fields.get("r"):
            raise AuthenticationFailed("Authentication failed: Invalid SCRAM client first message.")
        if fields.get("tokenauth", "").lower() == "true":
            raise AuthenticationFailed("Authentication failed: delegation tokens are not supported.")
        self.user = _unescaped(fields["n"])
        if authorization.startswith("a=") and _unescaped(authorization[2:]) != self.user:
            raise AuthenticationFailed(
                "Authentication failed: Client requested an authorization id that is different from username"
            )
        known = self._credential_of(self.user)
        self._credential = known or stranger_credential(self._mechanism, self.user)
        self._channel = base64.b64encode(f"{binding},{authorization},".encode()).decode()
        self._nonce = fields["r"] + self._nonce
        salt = base64.b64encode(self._credential.salt).decode()
        answer = f"r={self._nonce},s={salt},i={self._credential.iterations}"
        self._signed = f"{bare},{answer}"
        return answer

    def _final(self, text: str) -> str:
        credential = self._credential
        assert credential is not None
        without_proof, _, proof_text = text.rpartition(",p=")
        fields = _fields(without_proof)
        if fields.get("r") != self._nonce or fields.get("c") != self._channel:
            raise AuthenticationFailed("Authentication failed: Invalid SCRAM client final message.")
        try:
            proof = base64.b64decode(proof_text, validate=True)
        except binascii.Error:
            raise AuthenticationFailed("Authentication failed: Invalid SCRAM client final message.") from None
        signed = f"{self._signed},{without_proof}".encode()
        signature = self._mechanism.keyed_hash(credential.stored_key, signed)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        is_right = len(proof) == len(signature)
        if not hmac.compare_digest(self._mechanism.hash(client_key), credential.stored_key) or not is_right:
            raise AuthenticationFailed("Authentication failed: Invalid user credentials")
        self.is_complete = True
        return f"v={base64.b64encode(self._mechanism.keyed_hash(credential.server_key, signed)).decode()}"


def _fields(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs}


def _unescaped(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")
