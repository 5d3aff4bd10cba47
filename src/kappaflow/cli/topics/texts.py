"""Texts of `kappa topics`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "topics.name": "name of the topic",
    "topics.bad_config": "--config takes NAME=VALUE, not {given!r}",
    "topics_list.internal": "list the brokers' own topics too",
    "topics_list.sizes": "ask the brokers for sizes on disk",
    "topics_create.partitions": "how many partitions (default: the brokers' own)",
    "topics_create.replication_factor": "how many copies of each partition (default: the brokers' own)",
    "topics_create.config": "a configuration of the topic; may be repeated",
}

KOREAN = {
    "topics.name": "토픽 이름",
    "topics.bad_config": "--config 형식은 NAME=VALUE입니다: {given!r}",
    "topics_list.internal": "브로커가 쓰는 내부 토픽도 보여 줍니다",
    "topics_list.sizes": "디스크 크기를 브로커에 물어봅니다",
    "topics_create.partitions": "파티션 수 (기본값: 브로커 설정)",
    "topics_create.replication_factor": "파티션마다 복제본 수 (기본값: 브로커 설정)",
    "topics_create.config": "토픽 설정; 여러 번 쓸 수 있습니다",
}

register(ENGLISH, KOREAN)
