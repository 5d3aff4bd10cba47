"""Texts of `kappa sql`, `kappa sql test` and `kappa top`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "sql.server": "address of the server (default: http://127.0.0.1:8088)",
    "sql.user": "user of the server; the password is asked for, or taken from KAPPA_PASSWORD",
    "sql.ca": "a PEM file of certificates to trust",
    "sql.password": "Password of {user}: ",
    "sql.execute": "run these statements and end",
    "sql.file": "run the statements of this file and end",
    "sql.output": "how to print results",
    "sql.start": "No server answers at {url}. Start an embedded one here, with data in {path}? [y/N] ",
    "sql.none": "No server answers at {url}. Start one with: kappa up",
    "sql.welcome": "Connected to {url}. Statements end with ';'. 'help' lists commands, 'exit' leaves.",
    "sql.help": (
        "Statements end with ';' and may span lines. Ctrl-C ends a running query, not the client.\n"
        "  exit, quit        leave\n"
        "  output table|json|csv   change how results are printed\n"
        "  run script 'file'       run the statements of a file\n"
        "  history           show what was typed\n"
        "SQL to begin with: SHOW TOPICS; SHOW STREAMS; SHOW TABLES; SHOW QUERIES; DESCRIBE name; EXPLAIN query_id;"
    ),
    "sql.ended": "Query ended.",
    "sql.limit": "Limit Reached",
    "sql.row": "{count} row",
    "sql.rows": "{count} rows",
    "sql.script_missing": "Cannot read {path}: {why}",
    "sql.topic_there": "Topic {name} exists.",
    "sql.topic_gone": "Topic {name} does not exist.",
    "sql.schema_there": "Schema {name} exists.",
    "sql.schema_gone": "Schema {name} does not exist.",
    "sql.source": "{type} {name}, topic {topic} (key {key}, value {value})",
    "sql.windowed": ", windows: {type}",
    "sql.partitions": "Partitions: {partitions}, replicas: {replicas}",
    "sql.read_by": "Read by: {query}",
    "sql.written_by": "Written by: {query}",
    "sql_test.paths": "query test files (JSON or SQL) or directories",
    "sql_test.form": "the form of the engine that runs a case; with both, a case passes when both do (default)",
    "sql_test.functions": "a directory of Python functions that the tests call",
    "sql_test.rest": "run REST tests against a live server",
    "sql_test.server": (
        "the server for --rest; whatever it holds is dropped (default: servers of the command's own, on free ports)"
    ),
    "sql_test.server_without_rest": "--server is for --rest: other query tests run in-process, without a server.",
    "sql_test.none": "There is no query test in {paths}.",
    "sql_test.no_functions": "--functions: there is no directory {path}.",
    "sql_test.json": "also write the results to this file",
    "sql_test.processes": "how many cases run at once (default: 2)",
    "sql_test.timeout": "how many seconds a case may take (default: 20)",
    "sql_test.seconds": "{text} is not a number of seconds: give 1 or more.",
    "top.server": "address of the server (default: http://127.0.0.1:8088)",
    "top.interval": "seconds between refreshes",
    "top.once": "print once and end",
    "restore.progress": "{percent} %, {left} left",
}
KOREAN = {
    "sql.server": "서버 주소 (기본값: http://127.0.0.1:8088)",
    "sql.user": "서버의 사용자. 비밀번호는 묻거나 KAPPA_PASSWORD 에서 읽습니다",
    "sql.ca": "신뢰할 인증서(PEM 파일)",
    "sql.password": "{user} 의 비밀번호: ",
    "sql.execute": "이 문장들을 실행하고 끝냅니다",
    "sql.file": "파일의 문장들을 실행하고 끝냅니다",
    "sql.output": "결과 출력 형식",
    "sql.start": "{url} 에 응답하는 서버가 없습니다. 여기서 내장 서버를 시작할까요? 데이터: {path} [y/N] ",
    "sql.none": "{url} 에 응답하는 서버가 없습니다. 시작하려면: kappa up",
    "sql.welcome": "{url} 에 연결했습니다. 문장은 ';' 로 끝납니다. 'help' 는 명령 목록, 'exit' 는 종료입니다.",
    "sql.help": (
        "문장은 ';' 로 끝나며 여러 줄에 걸쳐 쓸 수 있습니다. Ctrl-C 는 클라이언트가 아니라 실행 중인 쿼리를 끝냅니다.\n"
        "  exit, quit        종료\n"
        "  output table|json|csv   출력 형식 변경\n"
        "  run script 'file'       파일의 문장 실행\n"
        "  history           입력 기록\n"
        "처음 써 볼 SQL: SHOW TOPICS; SHOW STREAMS; SHOW TABLES; SHOW QUERIES; DESCRIBE 이름; EXPLAIN 쿼리;"
    ),
    "sql.ended": "쿼리가 끝났습니다.",
    "sql.limit": "LIMIT 에 도달했습니다",
    "sql.row": "{count} 행",
    "sql.rows": "{count} 행",
    "sql.script_missing": "{path} 를 읽을 수 없습니다: {why}",
    "sql.topic_there": "토픽 {name} 이(가) 있습니다.",
    "sql.topic_gone": "토픽 {name} 이(가) 없습니다.",
    "sql.schema_there": "스키마 {name} 이(가) 있습니다.",
    "sql.schema_gone": "스키마 {name} 이(가) 없습니다.",
    "sql.source": "{type} {name}, 토픽 {topic} (키 {key}, 값 {value})",
    "sql.windowed": ", 윈도: {type}",
    "sql.partitions": "파티션: {partitions}, 복제본: {replicas}",
    "sql.read_by": "읽는 쿼리: {query}",
    "sql.written_by": "쓰는 쿼리: {query}",
    "sql_test.paths": "쿼리 테스트 파일(JSON 또는 SQL) 또는 디렉터리",
    "sql_test.form": "테스트를 실행할 엔진 형태. both 면 둘 다 통과해야 통과입니다 (기본값)",
    "sql_test.functions": "테스트가 호출하는 Python 함수를 둔 디렉터리",
    "sql_test.rest": "실행 중인 서버를 상대로 REST 테스트를 실행합니다",
    "sql_test.server": "--rest 에 쓸 서버. 서버에 있는 것은 모두 지워집니다 (기본값: 빈 포트에 자체 서버를 시작)",
    "sql_test.server_without_rest": "--server 는 --rest 와 함께 씁니다. 다른 쿼리 테스트는 서버 없이 실행됩니다.",
    "sql_test.none": "쿼리 테스트가 없습니다: {paths}",
    "sql_test.no_functions": "--functions: {path} 디렉터리가 없습니다.",
    "sql_test.json": "결과를 이 파일에도 씁니다",
    "sql_test.processes": "동시에 실행할 테스트 수 (기본값: 2)",
    "sql_test.timeout": "테스트 하나에 허용할 시간(초) (기본값: 20)",
    "sql_test.seconds": "{text} 은(는) 초 단위 시간이 아닙니다. 1 이상의 정수를 쓰세요.",
    "top.server": "서버 주소 (기본값: http://127.0.0.1:8088)",
    "top.interval": "새로 고침 간격(초)",
    "top.once": "한 번만 출력하고 끝냅니다",
    "restore.progress": "{percent} %, {left} 남음",
}
register(ENGLISH, KOREAN)
