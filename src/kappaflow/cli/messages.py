"""Texts of the command line that belong to no single package of commands.

A package of commands keeps its texts in a module ``texts`` of its own, with two dictionaries, which `register` adds.
"""

from __future__ import annotations

from kappaflow.cli import summaries
from kappaflow.runtime.messages import ENGLISH as _ALL_ENGLISH
from kappaflow.runtime.messages import KOREAN as _ALL_KOREAN
from kappaflow.runtime.messages import language, message, register

__all__ = ["ENGLISH", "KOREAN", "language", "message", "register"]

_ENGLISH = {
    "main.usage": "usage: kappa <command> [options]   (kappa <command> --help tells more)",
    "main.unknown_command": "kappa: there is no command {command!r}",
    "main.nearest_command": "Did you mean: {commands}?",
    "broker.summary": "run the embedded Kafka broker",
    "up.summary": "run everything: broker, SQL server and workers",
    "server.summary": "run the SQL server on a Kafka cluster",
    "sql.summary": "run SQL: interactively, from a file or from the command line",
    "sql_test.summary": "run query tests in-process, without a broker",
    "streams_run.summary": "run a topology of the streams library",
    "streams_describe.summary": "print a topology as Kafka Streams does",
    "streams_reset.summary": "make an application of the streams library begin anew",
    "streams_plan_diff.summary": "what a changed topology means for its internal topics and state",
    "top.summary": "show live rates, lag and state of the queries",
    "doctor.summary": "show what this installation has and what is missing",
    "demo_flights.summary": "the main job on 336,776 real flights, checked",
    "broker.data_dir": "directory that holds everything durable; made where it is missing",
    "broker.kafka_port": "port to listen on; 0 for any free one",
    "broker.host": "address to listen on without authentication: one of this machine's own",
    "broker.listener": "a listener: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; may be repeated; replaces --host",
    "broker.advertised_listener": "the address that clients of a listener are told, where it is another",
    "broker.config": "a file of broker properties, one NAME=VALUE a line: the place for passwords",
    "broker.config_unreadable": "cannot read {path} ({reason})",
    "broker_user_add.summary": "add a user to a data directory, or set a new password",
    "server_user_add.summary": "add a user of the SQL server, or change its password",
    "broker_user_add.name": "the user's name",
    "broker_user_add.data_dir": "data directory of a broker that is not running",
    "broker_user_add.password_file": "file with the password in its first line; else KAPPA_PASSWORD, else asked for",
    "broker_user_add.mechanism": "a mechanism of the user; may be repeated; all of SCRAM by default",
    "broker_user_add.iterations": "how often the password is hashed, from 4096 to 16384",
    "broker_user_add.ask": "password of {name}: ",
    "broker_user_add.empty": "the password is empty",
    "broker_user_add.bad_iterations": "--iterations must be from 4096 to 16384, not {iterations}",
    "broker_user_add.done": "user {name} can log on with {mechanisms}",
    "broker.flush": "when records reach the device: left to the system, every second, or before they are acknowledged",
    "broker.property": "a broker property under Kafka's name, such as log.cleaner.backoff.ms=1000; may be repeated",
    "broker.exit_on_stdin_eof": "stop when standard input ends, as it does when the parent process is gone",
    "broker.bad_port": "--kafka-port must be from 0 to 65535, not {port}",
    "broker.ready": "kappa broker is ready: bootstrap servers {address}, data in {data_dir}",
    "broker.recovering": "recovering after an unclean end: {done} of {total} partitions, {megabytes} MB checked",
    "broker_inspect.summary": "show what a data directory holds, changing nothing",
    "broker_inspect.directory": "the data directory; a running broker may be using it",
    "broker_inspect.topic": "show this topic only",
    "broker_inspect.batches": "also show every record batch",
    "broker_inspect.json": "print JSON",
    "broker_inspect.clean": "closed cleanly",
    "broker_inspect.unclean": "in use, or not closed cleanly",
}

_KOREAN = {
    "main.usage": "사용법: kappa <명령> [옵션]   (자세히: kappa <명령> --help)",
    "main.unknown_command": "kappa: {command!r} 명령은 없습니다",
    "main.nearest_command": "혹시 이 명령인가요: {commands}",
    "broker.summary": "내장 Kafka 브로커를 실행합니다",
    "up.summary": "브로커, SQL 서버, 워커를 한 번에 실행합니다",
    "server.summary": "이미 있는 Kafka 클러스터에서 SQL 서버를 실행합니다",
    "sql.summary": "SQL을 대화식으로, 파일에서, 또는 명령줄에서 실행합니다",
    "sql_test.summary": "브로커 없이 쿼리 테스트를 실행합니다",
    "streams_run.summary": "스트림즈 라이브러리의 토폴로지를 실행합니다",
    "streams_describe.summary": "토폴로지를 Kafka Streams와 같은 모양으로 출력합니다",
    "streams_reset.summary": "스트림즈 애플리케이션이 처음부터 다시 시작하게 합니다",
    "streams_plan_diff.summary": "바뀐 토폴로지가 내부 토픽과 상태에 주는 영향을 보여 줍니다",
    "top.summary": "쿼리의 처리율, 지연, 상태를 실시간으로 보여 줍니다",
    "doctor.summary": "설치 상태와 빠진 것을 보여 줍니다",
    "demo_flights.summary": "실제 비행 기록 336,776건으로 전체 흐름을 실행하고 검증합니다",
    "broker.data_dir": "모든 데이터를 보관할 디렉터리. 없으면 만듭니다",
    "broker.kafka_port": "수신 포트. 0이면 비어 있는 포트를 고릅니다",
    "broker.host": "인증 없이 수신할 주소. 이 컴퓨터의 주소만 쓸 수 있습니다",
    "broker.listener": "리스너: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL; 여러 번 쓸 수 있으며 --host를 대신합니다",
    "broker.advertised_listener": "클라이언트에 알릴 리스너 주소(다를 때만)",
    "broker.config": "브로커 속성 파일. 한 줄에 NAME=VALUE 하나씩; 비밀번호는 여기에 둡니다",
    "broker.config_unreadable": "{path} 파일을 읽을 수 없습니다 ({reason})",
    "broker_user_add.summary": "데이터 디렉터리에 사용자를 추가하거나 비밀번호를 바꿉니다",
    "server_user_add.summary": "SQL 서버의 사용자를 더하거나 비밀번호를 바꿉니다",
    "broker_user_add.name": "사용자 이름",
    "broker_user_add.data_dir": "실행 중이 아닌 브로커의 데이터 디렉터리",
    "broker_user_add.password_file": "첫 줄에 비밀번호가 있는 파일; 없으면 KAPPA_PASSWORD, 그것도 없으면 물어봅니다",
    "broker_user_add.mechanism": "사용자의 인증 방식; 여러 번 쓸 수 있습니다. 기본값은 모든 SCRAM",
    "broker_user_add.iterations": "비밀번호 해시 반복 횟수(4096~16384)",
    "broker_user_add.ask": "{name}의 비밀번호: ",
    "broker_user_add.empty": "비밀번호가 비어 있습니다",
    "broker_user_add.bad_iterations": "--iterations 값은 4096에서 16384 사이여야 합니다: {iterations}",
    "broker_user_add.done": "사용자 {name}: {mechanisms} 방식으로 로그인할 수 있습니다",
    "broker.flush": "레코드를 장치에 쓰는 시점: 운영 체제에 맡김, 1초마다, 응답하기 전",
    "broker.property": "Kafka 이름의 브로커 속성(예: log.cleaner.backoff.ms=1000); 여러 번 쓸 수 있습니다",
    "broker.exit_on_stdin_eof": "표준 입력이 닫히면(부모 프로세스가 끝나면) 멈춥니다",
    "broker.bad_port": "--kafka-port 값은 0에서 65535 사이여야 합니다: {port}",
    "broker.ready": "kappa broker 준비 완료: 부트스트랩 서버 {address}, 데이터 {data_dir}",
    "broker.recovering": "비정상 종료 후 복구 중: 파티션 {total}개 중 {done}개, {megabytes} MB 확인",
    "broker_inspect.summary": "데이터 디렉터리의 내용을 아무것도 바꾸지 않고 보여 줍니다",
    "broker_inspect.directory": "데이터 디렉터리; 실행 중인 브로커가 쓰고 있어도 됩니다",
    "broker_inspect.topic": "이 토픽만 보여 줍니다",
    "broker_inspect.batches": "모든 레코드 배치도 보여 줍니다",
    "broker_inspect.json": "JSON으로 출력합니다",
    "broker_inspect.clean": "정상 종료됨",
    "broker_inspect.unclean": "사용 중이거나 정상 종료되지 않음",
}

register(_ENGLISH, _KOREAN)
register(summaries.ENGLISH, summaries.KOREAN)
ENGLISH, KOREAN = _ALL_ENGLISH, _ALL_KOREAN
