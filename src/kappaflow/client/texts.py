"""Texts about connections and their settings."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "connection.another_protocol": (
        "{address}: something listens there, but it does not speak Kafka's protocol to us, or wants another"
        " security.protocol"
    ),
    "connection.no_handshake": "{address}: the TLS handshake failed ({error})",
    "security.bad_jaas": 'sasl.jaas.config cannot be read; write "<module> required username=... password=...;", or use sasl.username and sasl.password.',
    "security.protocol": "security.protocol={protocol} is not one of {known}.",
    "security.store_type": "{name}={value} is not supported; write the store as a PEM file.",
    "security.mechanism": "sasl.mechanism={mechanism} is not one of {known}, and security.protocol={protocol} needs one.",
    "security.no_user": "security.protocol={protocol} needs sasl.username and sasl.password, or sasl.jaas.config.",
    "security.ignored": "SASL or TLS properties are given, but security.protocol is not, so they would be ignored.",
    "connection.unreachable": "No Kafka broker answers at {bootstrap_servers} within {seconds:g} s ({reasons}). Check that the address and port are right and that the broker runs; 'kappa broker' starts one on this machine.",
    "schema_registry.unreachable": "The schema registry cannot be reached: {problem}. Check '{property}'.",
    "schema_registry.refused": "The schema registry at {base} refused: {reason}",
    "schema_registry.cannot_register": "The schema registry does not know how to register subject {subject}.",
}

KOREAN = {
    "connection.another_protocol": (
        "{address}: 무언가 수신하고 있지만 Kafka 프로토콜로 답하지 않거나 다른 security.protocol을 요구합니다"
    ),
    "connection.no_handshake": "{address}: TLS 핸드셰이크 실패 ({error})",
    "security.bad_jaas": 'sasl.jaas.config를 읽을 수 없습니다; "<모듈> required username=... password=...;" 형식으로 쓰거나 sasl.username과 sasl.password를 쓰세요.',
    "security.protocol": "security.protocol={protocol}은(는) {known} 가운데 하나가 아닙니다.",
    "security.store_type": "{name}={value}은(는) 지원하지 않습니다; 저장소를 PEM 파일로 쓰세요.",
    "security.mechanism": "sasl.mechanism={mechanism}은(는) {known} 가운데 하나가 아닌데, security.protocol={protocol}에는 필요합니다.",
    "security.no_user": "security.protocol={protocol}에는 sasl.username과 sasl.password, 또는 sasl.jaas.config가 필요합니다.",
    "security.ignored": "SASL이나 TLS 속성이 있지만 security.protocol이 없어 무시됩니다.",
    "connection.unreachable": "{bootstrap_servers}에서 {seconds:g}초 안에 답하는 Kafka 브로커가 없습니다 ({reasons}). 주소와 포트가 맞는지, 브로커가 실행 중인지 확인하세요; 'kappa broker'로 이 기계에서 하나를 시작할 수 있습니다.",
    "schema_registry.unreachable": "스키마 레지스트리에 접속할 수 없습니다: {problem}. '{property}'을(를) 확인하세요.",
    "schema_registry.refused": "{base}의 스키마 레지스트리가 거부했습니다: {reason}",
    "schema_registry.cannot_register": "스키마 레지스트리가 주제 {subject}을(를) 등록하는 방법을 모릅니다.",
}

register(ENGLISH, KOREAN)
