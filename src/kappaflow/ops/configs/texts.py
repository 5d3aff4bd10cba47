"""Texts about configurations."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "config.title": "Change the configuration of {kind} {names}",
    "config.effect": "{resource}: {key} {before} -> {after}",
    "config.set.step": "set {key}={value} of {resource}",
    "config.unset.step": "let the default of {key} hold again for {resource}",
    "config.other": "{key} of {resource} is {found}",
    "config.no_before": "what {key} was before is not known",
    "config.nothing": "nothing would change: the values are set like this already",
    "config.no_topic": "there is no topic {topic}",
    "config.no_broker": "{broker} is no broker's id",
    "config.broker_away": "broker {broker} is not alive; alive are {brokers}",
    "config.name_it": "name the {kind}",
    "config.unknown": "a {kind} has no configuration {key}",
    "config.read_only": (
        "{key} of {resource} changes only with its properties file and a restart: kappa brokers rollout does both,"
        " one broker at a time"
    ),
    "config.risk.unclean": "{name}: with true a replica that lags may lead, and what it lacks is lost",
    "config.risk.min_isr": (
        "{name}: too high and acks=all fails when a broker stops; too low and an acknowledged record may have one copy"
    ),
    "config.risk.retention": "{name}: what is older or more than this is deleted soon after, for good",
    "config.risk.cleanup": "{name}: delete and compact keep different records; the others are gone for good",
}

KOREAN = {
    "config.title": "{kind} {names}의 설정 변경",
    "config.effect": "{resource}: {key} {before} -> {after}",
    "config.set.step": "{resource}에 {key}={value}을(를) 설정합니다",
    "config.unset.step": "{resource}의 {key}을(를) 기본값으로 되돌립니다",
    "config.other": "{resource}의 {key}이(가) {found}입니다",
    "config.no_before": "{key}의 이전 값을 알 수 없습니다",
    "config.nothing": "바뀔 것이 없습니다: 이미 그렇게 설정되어 있습니다",
    "config.no_topic": "토픽 {topic}이(가) 없습니다",
    "config.no_broker": "{broker}은(는) 브로커 id가 아닙니다",
    "config.broker_away": "브로커 {broker}이(가) 살아 있지 않습니다; 살아 있는 브로커: {brokers}",
    "config.name_it": "{kind}의 이름을 주세요",
    "config.unknown": "{kind}에는 {key} 설정이 없습니다",
    "config.read_only": (
        "{resource}의 {key}은(는) 속성 파일을 고치고 다시 시작해야 바뀝니다: kappa brokers rollout이 한 대씩 합니다"
    ),
    "config.risk.unclean": "{name}: true이면 뒤처진 복제본이 리더가 될 수 있고, 그 복제본에 없는 것은 사라집니다",
    "config.risk.min_isr": (
        "{name}: 너무 높으면 브로커 하나가 멈출 때 acks=all이 실패하고, 너무 낮으면 응답한 레코드가 한 벌뿐일 수 있습니다"
    ),
    "config.risk.retention": "{name}: 이보다 오래되거나 많은 것은 곧 영원히 삭제됩니다",
    "config.risk.cleanup": "{name}: delete와 compact는 남기는 레코드가 다릅니다; 나머지는 영원히 사라집니다",
}

register(ENGLISH, KOREAN)
