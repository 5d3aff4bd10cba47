"""Texts about the monitor."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
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
