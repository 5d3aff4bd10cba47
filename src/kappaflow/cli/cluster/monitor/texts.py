"""Texts of `kappa cluster monitor` and `kappa cluster history`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "cluster_monitor.interval": "from the beginning of a look to that of the next (default: 60s)",
    "cluster_monitor.retention": "how long means of ten minutes are kept (default: 7d; single looks: 6 hours)",
    "cluster_monitor.store_size": "what the time store may take on disk (default: 1GB)",
    "cluster_monitor.listen": "where Prometheus may ask for /metrics, as in 127.0.0.1:9644; port 0 for any that is free",
    "cluster_monitor.token_file": "file with the token that askers have to send; needed beyond this machine",
    "cluster_monitor.rules": "alert rules and receivers, TOML (default: rules that everybody wants, nobody is sent anything)",
    "cluster_monitor.once": "look once, keep nothing; 1 where an alert is critical",
    "cluster_monitor.metrics": "list all figures and end",
    "cluster_monitor.bad_listen": "{text} is no address; write it as 127.0.0.1:9644",
    "cluster_monitor.no_token": "cannot read the token in {path} ({reason})",
    "cluster_monitor.serving": "Figures for Prometheus: http://{host}:{port}/metrics",
    "cluster_monitor.started": "Watching {cluster} every {interval}; the time store is {directory}.",
    "cluster_monitor.not_set_up": "note: {what}",
    "cluster_monitor.unseen": "{part} could not be looked at: {reason}",
    "cluster_monitor.problem": "problem: {problem}",
    "cluster_monitor.down": "{time}  no broker answers",
    "cluster_monitor.line": (
        "{time}  brokers {brokers}  partitions {partitions}  under-replicated {under}  offline {offline}"
        "  below min ISR {below}  records/s {rate}  groups {groups}  ({seconds} s)"
    ),
    "cluster_history.metric": "the figure; --list shows those that were seen",
    "cluster_history.label": "NAME=PATTERN, as in group=billing*",
    "cluster_history.hours": "how far back (default: 6; beyond 6 hours means of ten minutes)",
    "cluster_history.list": "list the figures that were seen",
    "cluster_history.none": "nothing was seen of {metric} in this time",
    "cluster_history.bad_label": "{text} is no label; write it as group=billing*",
    "cluster_history.name_it": "name a figure, or ask for --list",
}

KOREAN = {
    "cluster_monitor.interval": "한 번 살피기 시작해서 다음에 시작할 때까지 (기본값: 60s)",
    "cluster_monitor.retention": "10분 평균을 얼마나 보관할지 (기본값: 7d; 한 번 한 번의 값은 6시간)",
    "cluster_monitor.store_size": "시계열 저장소가 디스크에서 쓸 수 있는 크기 (기본값: 1GB)",
    "cluster_monitor.listen": "Prometheus가 /metrics를 물을 주소, 예: 127.0.0.1:9644; 포트 0은 빈 포트",
    "cluster_monitor.token_file": "묻는 쪽이 보내야 하는 토큰 파일; 이 머신 밖에 열 때 필요합니다",
    "cluster_monitor.rules": "경보 규칙과 수신자, TOML (기본값: 누구에게나 필요한 규칙, 아무에게도 보내지 않음)",
    "cluster_monitor.once": "한 번만 살피고 아무것도 보관하지 않습니다; critical 경보가 있으면 1",
    "cluster_monitor.metrics": "모든 수치를 나열하고 끝냅니다",
    "cluster_monitor.bad_listen": "{text}은(는) 주소가 아닙니다; 127.0.0.1:9644처럼 쓰세요",
    "cluster_monitor.no_token": "{path}의 토큰을 읽을 수 없습니다 ({reason})",
    "cluster_monitor.serving": "Prometheus용 수치: http://{host}:{port}/metrics",
    "cluster_monitor.started": "{cluster}을(를) {interval}마다 살핍니다; 시계열 저장소는 {directory}입니다.",
    "cluster_monitor.not_set_up": "참고: {what}",
    "cluster_monitor.unseen": "{part}을(를) 살피지 못했습니다: {reason}",
    "cluster_monitor.problem": "문제: {problem}",
    "cluster_monitor.down": "{time}  응답하는 브로커가 없습니다",
    "cluster_monitor.line": (
        "{time}  브로커 {brokers}  파티션 {partitions}  복제 모자람 {under}  리더 없음 {offline}"
        "  min ISR 미달 {below}  레코드/초 {rate}  그룹 {groups}  ({seconds}초)"
    ),
    "cluster_history.metric": "수치 이름; --list로 본 것을 볼 수 있습니다",
    "cluster_history.label": "NAME=PATTERN, 예: group=billing*",
    "cluster_history.hours": "얼마나 거슬러 갈지 (기본값: 6; 6시간을 넘으면 10분 평균)",
    "cluster_history.list": "본 적이 있는 수치를 나열합니다",
    "cluster_history.none": "이 시간에 {metric}은(는) 보이지 않았습니다",
    "cluster_history.bad_label": "{text}은(는) 레이블이 아닙니다; group=billing*처럼 쓰세요",
    "cluster_history.name_it": "수치 이름을 주거나 --list로 물으세요",
}

register(ENGLISH, KOREAN)
