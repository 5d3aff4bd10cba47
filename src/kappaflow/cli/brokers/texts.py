"""Texts of `kappa brokers`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "brokers.nodes": "ids of brokers and controllers (default: all)",
    "brokers.node": "id of a broker or controller",
    "brokers.broker": "id of a broker to change; may be repeated (default: all)",
    "brokers.force": "accept, by typing the cluster's name, that some topics cannot be written meanwhile",
    "brokers.gate_timeout": "seconds that a server may wait for its gates before the plan stops (default: %(default)s)",
    "brokers.set": "an option and its value; may be repeated",
    "brokers.unset": "an option that goes back to its default; may be repeated",
    "brokers.unknown": "take options that the brokers do not know, such as those of a plugin",
    "brokers.bad_set": "--set takes NAME=VALUE, not {given!r}",
    "brokers_decommission.broker": "id of the broker; it may be away",
    "brokers.nothing_to_set": "nothing to change; give --set NAME=VALUE or --unset NAME",
}

KOREAN = {
    "brokers.nodes": "브로커나 컨트롤러 번호 (기본값: 전체)",
    "brokers.node": "브로커나 컨트롤러 번호",
    "brokers.broker": "바꿀 브로커 번호; 여러 번 쓸 수 있습니다 (기본값: 전체)",
    "brokers.force": "그동안 쓸 수 없는 토픽이 있음을 클러스터 이름을 입력해 받아들입니다",
    "brokers.gate_timeout": "서버가 안전해지기를 기다리는 시간(초); 지나면 계획을 멈춥니다 (기본값: %(default)s)",
    "brokers.set": "옵션과 값; 여러 번 쓸 수 있습니다",
    "brokers.unset": "기본값으로 되돌릴 옵션; 여러 번 쓸 수 있습니다",
    "brokers.unknown": "브로커가 모르는 옵션(플러그인 등)도 씁니다",
    "brokers.bad_set": "--set 형식은 NAME=VALUE입니다: {given!r}",
    "brokers_decommission.broker": "브로커 번호; 없어진 브로커도 됩니다",
    "brokers.nothing_to_set": "바꿀 것이 없습니다. --set NAME=VALUE 또는 --unset NAME을 주십시오",
}

register(ENGLISH, KOREAN)
