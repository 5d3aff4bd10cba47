"""Texts about the monitor."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "receivers.status": "HTTP status {status}",
    "alert_rules.unknown_table": "{path}: there is no [{unknown}]; known are [[rule]] and [receiver.NAME]",
    "alert_rules.twice": "{path}: two rules are called {name!r}; their alerts could not be told apart",
    "alert_rules.no_metric": "{where}: there is no metric {metric!r}; 'kappa cluster monitor --metrics' lists",
    "alert_rules.above_or_below": "{where}: give either above or below",
    "alert_rules.no_receiver": "{where}: there is no [receiver.{name}]",
    "alert_rules.bad_severity": "{where}: severity is {known}, not {severity!r}",
    "alert_rules.bad_clear": "{where}: clear has to be on the good side of the threshold, or equal to it",
    "alert_rules.no_name": "{where}: name is missing",
    "alert_rules.unknown_key": "{where}: there is no {unknown!r}",
    "alert_rules.bad_kind": "{where}: kind is {known}, not {kind!r}",
    "alert_rules.mail_needs": "{where}: server, from and to are needed",
    "alert_rules.url_needed": "{where}: url or url_file is needed",
    "alert_rules.unreadable": "Cannot read the alert rules {path}: {error}",
    "alert_rules.unreadable_file": "{where}: {key} cannot be read: {reason}",
    "alert_rules.no_duration": "{where}: {given!r} is no duration; write 90s, 5m or 1h30m",
    "jmx.status": "JMX at {address} answers with HTTP status {status}",
    "jmx.no_figures": "{address} answers, but with no figure of a Kafka broker",
    "jmx.silent": "JMX at {address} does not answer: {error}",
    "jmx.not_jolokia": "this is no answer of Jolokia's: {error!r}",
    "time_store.unusable": "The time store {path} cannot be used: {error}",
    "time_store.not_ours": "{path} is no time store of kappa's",
    "time_store.none": "There is no time store in {directory}: run 'kappa cluster monitor' first.",
    "time_store.unmade": "The time store {directory} cannot be made: {error}",
    "time_store.taken": "Another monitor writes to {directory} now.",
    "time_store.unwritable": "The time store {directory} cannot be written: {error}",
    "monitor.no_jmx": (
        "no JMX: for heap, bytes in and out and idle threads name Jolokia or the JMX exporter of each broker under"
        " [clusters.{cluster}.jmx] in clusters.toml"
    ),
    "monitor.no_hosts": (
        "no machines: for their disks, memory and load name them under [[clusters.{cluster}.hosts]] in clusters.toml"
    ),
    "monitor.broker_failed": "broker {broker}: {reason}",
    "monitor.open_address": (
        "{host} is not this machine alone, and anybody could read the figures: give --token-file, or listen on 127.0.0.1"
    ),
    "monitor.short_token": "the token has to have {length} characters or more",
    "monitor.no_address": "cannot listen on {host}:{port}: {reason}",
    "monitor.not_sent": "receiver {receiver} was not reached ({reason}); it will be told later",
    "monitor.subject": "Kafka cluster {cluster}: {firing} firing, {resolved} resolved",
    "monitor.more": "... and {count} more",
    "monitor.firing": "{severity} {rule}{labels}: {value}, since {since}",
    "monitor.resolved": "RESOLVED {rule}{labels}: {value}; it had begun at {since}",
    "monitor.not_measured": (
        "the monitor has measured only {hours} hours of the day, so the least used are not known: let"
        " 'kappa cluster monitor' run for a day, better for a week, or say the hours yourself, as in --at 02:00-05:00"
    ),
}

KOREAN = {
    "receivers.status": "HTTP 상태 {status}",
    "alert_rules.unknown_table": "{path}: [{unknown}]은(는) 없습니다; 쓸 수 있는 것은 [[rule]]과 [receiver.이름]입니다",
    "alert_rules.twice": "{path}: 규칙 두 개의 이름이 {name!r}(으)로 같습니다; 경보를 구별할 수 없습니다",
    "alert_rules.no_metric": "{where}: 지표 {metric!r}은(는) 없습니다; 'kappa cluster monitor --metrics'가 목록을 보여 줍니다",
    "alert_rules.above_or_below": "{where}: above와 below 가운데 하나를 주세요",
    "alert_rules.no_receiver": "{where}: [receiver.{name}]이(가) 없습니다",
    "alert_rules.bad_severity": "{where}: severity는 {known} 가운데 하나입니다: {severity!r}",
    "alert_rules.bad_clear": "{where}: clear는 임계값과 같거나 정상 쪽에 있어야 합니다",
    "alert_rules.no_name": "{where}: name이 없습니다",
    "alert_rules.unknown_key": "{where}: {unknown!r}은(는) 없는 항목입니다",
    "alert_rules.bad_kind": "{where}: kind는 {known} 가운데 하나입니다: {kind!r}",
    "alert_rules.mail_needs": "{where}: server, from, to가 필요합니다",
    "alert_rules.url_needed": "{where}: url 또는 url_file이 필요합니다",
    "alert_rules.unreadable": "경보 규칙 {path}을(를) 읽을 수 없습니다: {error}",
    "alert_rules.unreadable_file": "{where}: {key}을(를) 읽을 수 없습니다: {reason}",
    "alert_rules.no_duration": "{where}: {given!r}은(는) 기간이 아닙니다; 90s, 5m, 1h30m처럼 쓰세요",
    "jmx.status": "{address}의 JMX가 HTTP 상태 {status}(으)로 답합니다",
    "jmx.no_figures": "{address}이(가) 답하지만 Kafka 브로커의 수치가 없습니다",
    "jmx.silent": "{address}의 JMX가 답하지 않습니다: {error}",
    "jmx.not_jolokia": "Jolokia의 답이 아닙니다: {error!r}",
    "time_store.unusable": "시계열 저장소 {path}을(를) 쓸 수 없습니다: {error}",
    "time_store.not_ours": "{path}은(는) kappa의 시계열 저장소가 아닙니다",
    "time_store.none": "{directory}에 시계열 저장소가 없습니다: 먼저 'kappa cluster monitor'를 실행하세요.",
    "time_store.unmade": "시계열 저장소 {directory}을(를) 만들 수 없습니다: {error}",
    "time_store.taken": "지금 다른 모니터가 {directory}에 쓰고 있습니다.",
    "time_store.unwritable": "시계열 저장소 {directory}에 쓸 수 없습니다: {error}",
    "monitor.no_jmx": (
        "JMX 없음: 힙, 들어오고 나가는 바이트, 스레드 여유를 보려면 clusters.toml의 [clusters.{cluster}.jmx]에"
        " 브로커마다 Jolokia나 JMX exporter 주소를 적으세요"
    ),
    "monitor.no_hosts": (
        "머신 없음: 디스크, 메모리, 부하를 보려면 clusters.toml의 [[clusters.{cluster}.hosts]]에 머신을 적으세요"
    ),
    "monitor.broker_failed": "브로커 {broker}: {reason}",
    "monitor.open_address": (
        "{host}은(는) 이 머신만의 주소가 아니어서 누구나 수치를 읽을 수 있습니다: --token-file을 주거나 127.0.0.1에서"
        " 들으세요"
    ),
    "monitor.short_token": "토큰은 {length}자 이상이어야 합니다",
    "monitor.no_address": "{host}:{port}에서 들을 수 없습니다: {reason}",
    "monitor.not_sent": "수신자 {receiver}에 닿지 못했습니다 ({reason}); 나중에 다시 알립니다",
    "monitor.subject": "Kafka 클러스터 {cluster}: 발생 {firing}건, 해제 {resolved}건",
    "monitor.more": "... 그 밖에 {count}건",
    "monitor.firing": "{severity} {rule}{labels}: {value}, {since}부터",
    "monitor.resolved": "해제 {rule}{labels}: {value}; {since}에 시작했습니다",
    "monitor.not_measured": (
        "하루 중 측정한 시간이 {hours}시간뿐이라 가장 한가한 때를 알 수 없습니다: 'kappa cluster monitor'를"
        " 하루, 되도록 한 주 실행하거나 --at 02:00-05:00처럼 시간을 직접 주세요"
    ),
}

register(ENGLISH, KOREAN)
