"""Texts of the server commands."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "up.data_dir": "directory for the broker's log and the workers' state",
    "up.kafka_port": "port of the embedded broker; 0 takes any free one",
    "up.http_port": "port of the SQL server; 0 takes any free one",
    "up.workers": "number of engine workers (default: cores - 1, at least 1)",
    "up.host": "address to listen on; only loopback until there is authentication",
    "up.service_id": "servers with the same id share their queries",
    "up.flush": "when the embedded broker makes appends durable on disk",
    "up.functions": "a directory of Python functions for SQL; files may be added and changed while the server runs",
    "up.property": "an engine property, such as ksql.streams.commit.interval.ms=1000; may be repeated",
    "up.config": "a TOML file with the same settings as the flags",
    "up.ready": "kappa is ready: SQL on {http}, Kafka on {kafka}. Try: kappa sql --server {http}",
    "up.stopping": "stopping ...",
    "up.bad_property": "--property takes name=value, not '{text}'.",
    "server.bootstrap": "addresses of the Kafka cluster, host:port separated by commas",
}
KOREAN = {
    "up.data_dir": "브로커 로그와 워커 상태를 둘 디렉터리",
    "up.kafka_port": "내장 브로커의 포트. 0이면 비어 있는 포트를 씁니다",
    "up.http_port": "SQL 서버의 포트. 0이면 비어 있는 포트를 씁니다",
    "up.workers": "엔진 워커 수 (기본값: 코어 수 - 1, 최소 1)",
    "up.host": "수신 주소. 인증이 생길 때까지 루프백만 허용합니다",
    "up.service_id": "같은 id를 쓰는 서버들은 쿼리를 나누어 실행합니다",
    "up.flush": "내장 브로커가 기록을 디스크에 확정하는 시점",
    "up.functions": "SQL에서 쓸 Python 함수를 둔 디렉터리. 서버가 도는 동안 파일을 더하고 고칠 수 있습니다",
    "up.property": "엔진 속성. 예: ksql.streams.commit.interval.ms=1000. 여러 번 쓸 수 있습니다",
    "up.config": "플래그와 같은 설정을 담은 TOML 파일",
    "up.ready": "kappa 준비 완료: SQL {http}, Kafka {kafka}. 시작: kappa sql --server {http}",
    "up.stopping": "종료하는 중 ...",
    "up.bad_property": "--property 는 이름=값 형식입니다: '{text}'",
    "server.bootstrap": "Kafka 클러스터 주소. 호스트:포트를 쉼표로 구분합니다",
}
register(ENGLISH, KOREAN)
