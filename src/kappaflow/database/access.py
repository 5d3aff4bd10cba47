"""How a client reaches a server: its address, the user, and whose certificates it trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from kappaflow.errors import ConfigError
from kappaflow.runtime.messages import message


@dataclass(frozen=True, slots=True)
class Access:
    """Where a server is, and how to log on.

    Attributes:
        url: without user and password.
        auth: user and password, or None.
        ca: a PEM file of certificates to trust besides the system's, or None.
    """

    url: str
    auth: tuple[str, str] | None = None
    ca: Path | None = None

    @classmethod
    def of(cls, url: str, user: str | None = None, password: str | None = None, ca: str | Path | None = None) -> Access:
        """Take an address apart: it may hold user and password, as ``https://user:password@host``.

        >>> Access.of("http://a:b%40@127.0.0.1:8088/")
        Access(url='http://127.0.0.1:8088', auth=('a', 'b@'), ca=None)

        Raises:
            ConfigError: it does not begin with http:// or https://.
        """
        if not url.startswith(("http://", "https://")):
            raise ConfigError(message("database.bad_scheme", example=_example(url)))
        parts = urlsplit(url)
        name, word = parts.username, parts.password
        if name is not None:
            url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        if user is not None:
            name, word = user, password
        auth = None if name is None else (unquote(name) if user is None else name, _word(word, quoted=user is None))
        return cls(url.rstrip("/"), auth, None if ca is None else Path(ca))

    def verify(self) -> ssl.SSLContext | bool:
        """Return what checks the server's certificate; nothing does without TLS.

        Raises:
            ConfigError: the certificates cannot be read.
        """
        if not self.url.startswith("https:"):
            return False
        if self.ca is None:
            return True
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(self.ca)
        except OSError as error:
            raise ConfigError(message("database.certificates", path=self.ca, why=error.strerror or error)) from None
        return context


def _example(url: str) -> str:
    host = url.rpartition("://")[2].rpartition("@")[2]  # without a password, which messages never show
    return f"http://{host or '127.0.0.1:8088'}"


def _word(text: str | None, *, quoted: bool) -> str:
    return unquote(text or "") if quoted else text or ""
