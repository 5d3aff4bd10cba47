"""SCRAM against the examples of the RFCs, and what a server must not accept."""

from __future__ import annotations

import base64

import pytest

from kappaflow.broker.security.scram import (
    SCRAM_MECHANISMS,
    AuthenticationFailed,
    ScramCredential,
    ScramServer,
    credential_of_password,
    credential_of_salted,
    password_matches,
)

SHA_256, SHA_512 = SCRAM_MECHANISMS["SCRAM-SHA-256"], SCRAM_MECHANISMS["SCRAM-SHA-512"]

# The example of RFC 7677, section 3.
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
FIRST_ANSWER = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
FINAL_ANSWER = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def credential() -> ScramCredential:
    return credential_of_salted(SHA_256, SHA_256.salted_password("pencil", SALT, 4096), SALT, 4096)


def server() -> ScramServer:
    return ScramServer(SHA_256, lambda user: credential() if user == "user" else None, NONCE)


def test_the_example_of_the_rfc() -> None:
    scram = server()
    assert scram.respond(FIRST) == FIRST_ANSWER
    assert not scram.is_complete
    assert scram.respond(FINAL) == FINAL_ANSWER
    assert scram.is_complete and scram.user == "user"
    with pytest.raises(AuthenticationFailed):
        scram.respond(b"")


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"\xff\xfe",
        b"n,,r=abc",
        b"n,,n=user",
        b"n,,n=user,r=",
        b"p=tls-unique,,n=user,r=abc",
        b"n,a=other,n=user,r=abc",
        b"n,,n=user,r=abc,tokenauth=true",
    ],
)
def test_first_messages_that_are_refused(token: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        server().respond(token)


@pytest.mark.parametrize(
    "token",
    [
        FINAL.replace(b"biws", b"eSws"),
        FINAL.replace(b"r=rOpr", b"r=sOpr"),
        FINAL.replace(b"dHzb", b"eHzb"),
        FINAL.replace(b"VQ=", b"VQ"),
        FINAL.rpartition(b",p=")[0],
        FINAL.rpartition(b",p=")[0] + b",p=",
        FINAL.rpartition(b",p=")[0] + b",p=AAAA",
        b"",
    ],
)
def test_final_messages_that_are_refused(token: bytes) -> None:
    scram = server()
    scram.respond(FIRST)
    with pytest.raises(AuthenticationFailed):
        scram.respond(token)
    assert not scram.is_complete


def test_a_stranger_looks_like_a_user_with_another_password() -> None:
    answers = [server().respond(FIRST.replace(b"n=user", b"n=eve")) for _ in range(2)]
    assert answers[0] == answers[1]
    assert b"i=4096" in answers[0]
    scram = server()
    scram.respond(FIRST.replace(b"n=user", b"n=eve"))
    with pytest.raises(AuthenticationFailed, match="Invalid user credentials"):
        scram.respond(FINAL)


def test_names_are_unescaped() -> None:
    seen: list[str] = []

    def find(user: str) -> ScramCredential:
        seen.append(user)
        return credential()

    ScramServer(SHA_256, find).respond(b"n,,n=a=2Cb=3Dc,r=x")
    assert seen == ["a,b=c"]


def test_every_log_on_has_its_own_nonce_and_every_credential_its_own_salt() -> None:
    answers = {ScramServer(SHA_256, lambda _: credential()).respond(FIRST) for _ in range(5)}
    assert len(answers) == 5
    assert credential_of_password(SHA_512, "p").salt != credential_of_password(SHA_512, "p").salt


def test_passwords_are_checked_against_what_is_kept() -> None:
    for each in (SHA_256, SHA_512):
        held = credential_of_password(each, "pässword")
        assert password_matches(each, held, "pässword")
        assert not password_matches(each, held, "password")
        assert "stored_key" not in repr(held)
