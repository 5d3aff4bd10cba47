"""Texts about the tables of configurations."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "config_tables.too_old": "Kafka {version} is older than {oldest}, the oldest that the tables know.",
    "config_tables.no_version": "{version!r} is no version of Kafka; write it as 3.9.2.",
}

KOREAN = {
    "config_tables.too_old": "Kafka {version}은(는) 표가 아는 가장 오래된 {oldest}보다 오래되었습니다.",
    "config_tables.no_version": "{version!r}은(는) Kafka 버전이 아닙니다; 3.9.2처럼 쓰세요.",
}

register(ENGLISH, KOREAN)
