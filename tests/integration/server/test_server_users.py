"""A server with users and TLS: on all addresses, its workers and peers log on, so do command line and Python."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kappaflow.database import Database, connect
from kappaflow.errors import ServerError
from kappaflow.server.users import write_user
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until
from kappaflow.testing.ports import free_port

PEERS = "ksql.internal.basic.auth.user.info=ada:lovelace"
COMMAND = [sys.executable, "-m", "kappaflow.cli.main"]


@dataclass(frozen=True)
class Secured:
    server: EmbeddedServer
    url: str
    certificate: Path
    users: Path


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kappa test")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return paths


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    certificate, key = write_certificate(folder)
    users = folder / "users"
    write_user(users, "ada", "lovelace")
    arguments = ["--http-host", "0.0.0.0", "--users", str(users)]
    arguments += ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    arguments += ["--property", "authentication.skip.paths=/chc/live"]
    arguments += ["--property", "ksql.streams.auto.offset.reset=earliest", "--property", PEERS]
    url = f"https://127.0.0.1:{free_port()}"
    arguments += ["--http-port", str(urlsplit(url).port), "--property", f"ksql.advertised.listener={url}"]
    with EmbeddedServer(arguments=arguments) as server:
        yield Secured(server, url, certificate, users)


def test_only_users_are_answered(secured: Secured) -> None:
    trust = ssl.create_default_context(cafile=str(secured.certificate))
    with httpx.Client(base_url=secured.url, verify=trust, timeout=30) as http:
        refused = http.get("/info")
        assert (refused.status_code, refused.json()["error_code"]) == (401, 40100)
        assert refused.headers["www-authenticate"].startswith("Basic realm=")
        for auth in (("ada", "wrong"), ("eve", "lovelace"), ("kappa-workers", "")):
            assert http.get("/info", auth=auth).status_code == 401
        assert http.post("/schema-registry/subjects/a/versions", json={}).status_code == 401
        assert http.get("/chc/live").json() == {}
        assert http.get("/info", auth=("ada", "lovelace")).status_code == 200
        write_user(secured.users, "bob", "builder")
        assert http.get("/info", auth=("bob", "builder")).status_code == 200


def test_python_and_workers_log_on(secured: Secured) -> None:
    with pytest.raises(ServerError, match="wants a user"):
        connect(secured.url, ca=secured.certificate)
    with connect(secured.url, user="ada", password="lovelace", ca=secured.certificate) as db:
        # The workers ask the server's own schema registry, which is behind the same door.
        db.sql("CREATE STREAM a (id INT KEY, v INT) WITH (kafka_topic='a', value_format='AVRO', partitions=1);")
        db.sql("CREATE TABLE n AS SELECT id, COUNT(*) AS n FROM a GROUP BY id;")
        db.sql("INSERT INTO a VALUES (1, 2);")
        wait_until(lambda: [tuple(row) for row in db.sql("SELECT * FROM n;").rows()] == [(1, 1)], "the count")
        assert [tuple(row) for row in db.sql("SELECT v FROM a EMIT CHANGES LIMIT 1;").rows()] == [(2,)]


def run(secured: Secured, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments, "--server", secured.url, "--ca", str(secured.certificate)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def test_the_command_line_logs_on(secured: Secured) -> None:
    done = run(secured, "sql", "-e", "SHOW QUERIES;", "--user", "ada", KAPPA_PASSWORD="lovelace")
    assert done.returncode == 0, done.stderr
    done = run(secured, "top", "--once", "--user", "ada", KAPPA_PASSWORD="lovelace")
    assert done.returncode == 0, done.stderr
    done = run(secured, "sql", "-e", "SHOW QUERIES;", "--user", "ada", KAPPA_PASSWORD="wrong")
    assert done.returncode == 1
    assert "user or the password is wrong" in done.stderr


def test_servers_of_a_service_log_on_to_each_other(secured: Secured, tmp_path: Path) -> None:
    """A second server answers from the state of the first one's worker, too, and the other way round."""
    key = secured.certificate.with_suffix(".key")
    arguments = ["--users", str(secured.users), "--property", PEERS]
    arguments += ["--tls-certificate", str(secured.certificate), "--tls-key", str(key)]
    brokers = secured.server.bootstrap_servers
    with log_on(secured, secured.url) as first:
        first.sql("CREATE STREAM p (id INT KEY, v INT) WITH (kafka_topic='p', value_format='JSON', partitions=4);")
        first.sql("CREATE TABLE pn AS SELECT id, COUNT(*) AS n FROM p GROUP BY id;")
        first.sql(" ".join(f"INSERT INTO p VALUES ({n}, 1);" for n in range(20)))
        with (
            EmbeddedServer(tmp_path, bootstrap_servers=brokers, arguments=arguments) as other,
            log_on(secured, other.url) as second,
            httpx.Client(base_url=other.url, verify=second.access.verify(), auth=second.access.auth) as http,
        ):

            def both_have_tasks() -> bool:
                hosts = http.get("/clusterStatus", timeout=30).json()["clusterStatus"].values()
                queries = [host["activeStandbyPerQuery"] for host in hosts]
                held = [len(q["activePartitions"]) for each in queries for n, q in each.items() if "_PN_" in n]
                return len(held) == 2 and all(held) and sum(held) == 4

            wait_until(both_have_tasks, "tasks on both servers", 60)
            for database in (first, second):
                rows = wait_until(lambda db=database: _all_rows(db), "the rows of both servers", 60)
                assert rows == [(n, 1) for n in range(20)]
            properties = second.sql("SHOW PROPERTIES;").entities[0]["properties"]
            assert "lovelace" not in str(properties)


def log_on(secured: Secured, url: str) -> Database:
    return connect(url, user="ada", password="lovelace", ca=secured.certificate)


def _all_rows(database: Database) -> list[tuple[object, ...]]:
    rows = sorted(tuple(row) for row in database.sql("SELECT * FROM pn;").rows())
    return rows if len(rows) == 20 else []


def test_without_users_it_does_not_listen_elsewhere(tmp_path: Path) -> None:
    command = [*COMMAND, "up", "--http-host", "0.0.0.0", "--http-port", "0", "--kafka-port", "0"]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "has no authentication" in done.stderr


def test_a_user_is_added_by_a_command(tmp_path: Path) -> None:
    path = tmp_path / "users"
    command = [*COMMAND, "server", "user", "add", "ada", "--users", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "KAPPA_PASSWORD": "x"}
    )
    assert done.returncode == 0, done.stderr
    assert path.read_text(encoding="utf-8").startswith("ada:pbkdf2-sha256:")
