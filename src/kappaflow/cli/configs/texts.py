"""Texts of `kappa configs`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "configs.kind": "what has the configuration",
    "configs.names": "topics, brokers' ids or groups; all topics or brokers by default",
    "configs.default": "the default that all brokers share",
    "configs.default_of_brokers": "--default is for the kind broker, without names",
    "configs_describe.key": "only this configuration; may be repeated",
    "configs_describe.all": "values that nobody set, too",
    "configs_describe.explain": "what each means, and whether a change needs a restart",
    "configs_describe.head": "{key} = {value}   [{resource}; set by {source}; default {default}; {kind}; {restart}]",
    "configs_describe.restart": "a change needs a restart",
    "configs_describe.dynamic": "can be changed while running",
    "configs_alter.set": "set a configuration; may be repeated",
    "configs_alter.set_file": "a properties file with configurations to set",
    "configs_alter.unset": "let the default hold again; may be repeated",
    "configs_alter.bad_set": "--set takes KEY=VALUE, not {given!r}",
    "configs_alter.nothing": "name whose configuration to change, and --set KEY=VALUE or --unset KEY",
}

KOREAN = {
    "configs.kind": "설정을 가진 대상",
    "configs.names": "토픽, 브로커 id, 그룹; 기본값은 모든 토픽 또는 브로커",
    "configs.default": "모든 브로커가 함께 쓰는 기본값",
    "configs.default_of_brokers": "--default는 broker에만, 이름 없이 씁니다",
    "configs_describe.key": "이 설정만; 여러 번 쓸 수 있습니다",
    "configs_describe.all": "아무도 설정하지 않은 값도",
    "configs_describe.explain": "각 설정의 뜻과, 바꿀 때 다시 시작해야 하는지",
    "configs_describe.head": "{key} = {value}   [{resource}; 출처 {source}; 기본값 {default}; {kind}; {restart}]",
    "configs_describe.restart": "바꾸려면 다시 시작해야 합니다",
    "configs_describe.dynamic": "실행 중에 바꿀 수 있습니다",
    "configs_alter.set": "설정합니다; 여러 번 쓸 수 있습니다",
    "configs_alter.set_file": "설정할 값이 있는 속성 파일",
    "configs_alter.unset": "기본값으로 되돌립니다; 여러 번 쓸 수 있습니다",
    "configs_alter.bad_set": "--set 형식은 KEY=VALUE입니다: {given!r}",
    "configs_alter.nothing": "무엇의 설정을 바꿀지와 --set KEY=VALUE 또는 --unset KEY를 주세요",
}

register(ENGLISH, KOREAN)
