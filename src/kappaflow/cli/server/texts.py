"""Texts of the server commands."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "up.data_dir": "directory for the broker's log and the workers' state",
    "up.kafka_port": "port of the embedded broker; 0 takes any free one",
    "up.http_port": "port of the SQL server; 0 takes any free one",
    "up.workers": "number of engine workers (default: cores - 1, at least 1)",
    "up.host": "loopback address that the broker and the SQL server listen on",
    "up.http_host": "address that the SQL server listens on instead; off loopback it needs --users",
    "up.users": "a file of users that may send requests, made by: kappa server user add",
    "up.tls_certificate": "certificate of the SQL server, a PEM file; with it and its key it speaks TLS",
    "up.tls_key": "the key of the certificate, a PEM file",
    "up.unencrypted": (
        "Passwords travel to {host} unencrypted. Give the server a certificate: --tls-certificate and --tls-key."
    ),
    "server_user_add.name": "name of the user",
    "server_user_add.users": "the file of users; made when it does not exist",
    "server_user_add.password_file": "a file whose first line is the password (default: KAPPA_PASSWORD, or asked for)",
    "server_user_add.empty": "The password is empty.",
    "server_user_add.done": "User {name} is in {path}. Start the server with: --users {path}",
    "up.service_id": "servers with the same id share their queries",
    "up.flush": "when the embedded broker makes appends durable on disk",
    "up.functions": "a directory of Python functions for SQL; files may be added and changed while the server runs",
    "up.property": "an engine property, such as ksql.streams.commit.interval.ms=1000; may be repeated",
    "up.config": "a TOML file with the same settings as the flags",
    "up.ready": "kappa is ready: SQL on {http}, Kafka on {kafka}. Try: kappa sql --server {http}",
    "up.stopping": "stopping ...",
    "up.bad_property": "--property takes name=value, not '{text}'.",
    "up.unknown_setting": "{path}: there is no setting '{name}'. {hint}",
    "up.nearest": "Did you mean '{name}'?",
    "up.no_table": "{path}: '{name}' is a table: write [{name}] and under it lines such as "
    "'\"ksql.streams.commit.interval.ms\" = 1000'.",
    "up.not_a_table": "{path}: '{name}' is a value, not a table.",
    "up.not_a_number": "{name} must be a whole number, not '{value}'.",
    "up.unreadable": "Cannot read {path}: {why}.",
    "up.not_toml": "{path} is not valid TOML: {why}.",
    "up.no_functions": "--functions: there is no directory {path}.",
    "server.bootstrap": "addresses of the Kafka cluster, host:port separated by commas",
}
KOREAN = {
    "up.data_dir": "브로커 로그와 워커 상태를 둘 디렉터리",
    "up.kafka_port": "내장 브로커의 포트. 0이면 비어 있는 포트를 씁니다",
    "up.http_port": "SQL 서버의 포트. 0이면 비어 있는 포트를 씁니다",
    "up.workers": "엔진 워커 수 (기본값: 코어 수 - 1, 최소 1)",
    "up.host": "브로커와 SQL 서버가 수신할 루프백 주소",
    "up.http_host": "SQL 서버만 따로 수신할 주소. 루프백이 아니면 --users 가 필요합니다",
    "up.users": "요청을 보낼 수 있는 사용자 파일. kappa server user add 로 만듭니다",
    "up.tls_certificate": "SQL 서버의 인증서(PEM 파일). 키와 함께 주면 TLS 를 씁니다",
    "up.tls_key": "인증서의 키(PEM 파일)",
    "up.unencrypted": "{host} 로 가는 비밀번호가 암호화되지 않습니다. --tls-certificate 와 --tls-key 로 인증서를 주십시오.",
    "server_user_add.name": "사용자 이름",
    "server_user_add.users": "사용자 파일. 없으면 만듭니다",
    "server_user_add.password_file": "첫 줄이 비밀번호인 파일 (기본값: KAPPA_PASSWORD, 없으면 묻습니다)",
    "server_user_add.empty": "비밀번호가 비어 있습니다.",
    "server_user_add.done": "사용자 {name} 을(를) {path} 에 적었습니다. 서버를 시작할 때: --users {path}",
    "up.service_id": "같은 id를 쓰는 서버들은 쿼리를 나누어 실행합니다",
    "up.flush": "내장 브로커가 기록을 디스크에 확정하는 시점",
    "up.functions": "SQL에서 쓸 Python 함수를 둔 디렉터리. 서버가 도는 동안 파일을 더하고 고칠 수 있습니다",
    "up.property": "엔진 속성. 예: ksql.streams.commit.interval.ms=1000. 여러 번 쓸 수 있습니다",
    "up.config": "플래그와 같은 설정을 담은 TOML 파일",
    "up.ready": "kappa 준비 완료: SQL {http}, Kafka {kafka}. 시작: kappa sql --server {http}",
    "up.stopping": "종료하는 중 ...",
    "up.bad_property": "--property 는 이름=값 형식입니다: '{text}'",
    "up.unknown_setting": "{path}: '{name}' 라는 설정은 없습니다. {hint}",
    "up.nearest": "'{name}' 을(를) 쓰려던 것인가요?",
    "up.no_table": "{path}: '{name}' 은 표입니다: [{name}] 아래에 "
    "'\"ksql.streams.commit.interval.ms\" = 1000' 같은 줄을 쓰세요.",
    "up.not_a_table": "{path}: '{name}' 은 표가 아니라 값입니다.",
    "up.not_a_number": "{name} 은 정수여야 합니다: '{value}'",
    "up.unreadable": "{path} 를 읽을 수 없습니다: {why}",
    "up.not_toml": "{path} 는 올바른 TOML이 아닙니다: {why}",
    "up.no_functions": "--functions: {path} 디렉터리가 없습니다.",
    "server.bootstrap": "Kafka 클러스터 주소. 호스트:포트를 쉼표로 구분합니다",
}
register(ENGLISH, KOREAN)
