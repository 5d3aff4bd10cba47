"""What the Python API and the command line say when a server cannot be reached."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "database.unreachable": (
        "No server answers at {url} ({why}). Start one with `kappa up`, or use kappaflow.connect() without an address "
        "for an embedded one."
    ),
    "database.closed": "This database is closed. Open another one by kappaflow.connect().",
    "database.broken": "The connection to {url} broke while the query ran: {why}",
    "database.status": "The server answered with HTTP status {status}.",
    "database.bad_scheme": "The address of a server begins with http:// or https://, such as {example}.",
    "database.certificates": "Cannot read certificates from {path}: {why}.",
}
KOREAN = {
    "database.unreachable": (
        "{url} 에서 응답하는 서버가 없습니다 ({why}). `kappa up` 으로 시작하거나, 주소 없이 kappaflow.connect() 를 "
        "호출해 내장 서버를 쓰십시오."
    ),
    "database.closed": "이 데이터베이스는 닫혔습니다. kappaflow.connect() 로 다시 여십시오.",
    "database.broken": "쿼리를 실행하는 동안 {url} 과(와)의 연결이 끊어졌습니다: {why}",
    "database.status": "서버가 HTTP 상태 {status} 로 응답했습니다.",
    "database.bad_scheme": "서버 주소는 http:// 또는 https:// 로 시작합니다. 예: {example}",
    "database.certificates": "{path} 에서 인증서를 읽을 수 없습니다: {why}",
}
register(ENGLISH, KOREAN)
