"""Texts about topics."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "topic.create.title": "Create topic {topic}",
    "topic.create.step": "create topic {topic}",
    "topic.exists": "there is a topic {topic} already",
    "topic.missing": "there is no topic {topic}",
    "topic.few_brokers": "{wanted} copies need {wanted} brokers; the cluster has {brokers}",
    "topic.one_copy": "topic {topic} has one copy: with its broker it is away, and with its disk it is lost",
    "topic.partition_count": "topic {topic} has {found} partitions instead of {wanted}",
    "topic.no_leader": "partition {partition} of topic {topic} has no leader",
}

KOREAN = {
    "topic.create.title": "토픽 {topic} 만들기",
    "topic.create.step": "토픽 {topic}을(를) 만듭니다",
    "topic.exists": "토픽 {topic}이(가) 이미 있습니다",
    "topic.missing": "토픽 {topic}이(가) 없습니다",
    "topic.few_brokers": "복제본 {wanted}개에는 브로커 {wanted}대가 필요합니다; 클러스터에는 {brokers}대가 있습니다",
    "topic.one_copy": "토픽 {topic}은(는) 복제본이 하나입니다: 브로커가 멈추면 쓸 수 없고, 디스크를 잃으면 사라집니다",
    "topic.partition_count": "토픽 {topic}의 파티션이 {wanted}개가 아니라 {found}개입니다",
    "topic.no_leader": "토픽 {topic}의 파티션 {partition}에 리더가 없습니다",
}

register(ENGLISH, KOREAN)
