"""Texts about contexts."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "contexts.no_node_id": "{where}: node_id is missing; it is the broker's id or the ZooKeeper server's number",
    "contexts.bad_roles": "{where}: roles are of {known}, not {given}",
    "contexts.bad_adapter": "{where}: adapter is 'local' or 'ssh', not {adapter!r}",
    "contexts.unknown_setting": "cluster {name}: there is no setting {unknown!r}; known are {known}",
    "contexts.no_servers": "cluster {name}: bootstrap_servers is missing; write it as 'host:port,host:port'",
    "contexts.none_in_use": "No cluster is in use. Name one with --bootstrap-servers, or add it: kappa cluster add NAME --bootstrap-servers HOST:PORT",
    "contexts.unknown": "There is no cluster {wanted!r} in {path} (known: {known}).",
    "contexts.not_toml": "{path} is not TOML: {error}",
    "contexts.read_only": "Cluster {name} is read-only in its context; nothing was changed. 'kappa cluster add {name} --writable ...' lifts it.",
}

KOREAN = {
    "contexts.no_node_id": "{where}: node_id가 없습니다; 브로커 id나 ZooKeeper 서버 번호입니다",
    "contexts.bad_roles": "{where}: roles는 {known} 가운데서 씁니다: {given}",
    "contexts.bad_adapter": "{where}: adapter는 'local' 또는 'ssh'입니다: {adapter!r}",
    "contexts.unknown_setting": "클러스터 {name}: {unknown!r} 설정은 없습니다; 쓸 수 있는 것: {known}",
    "contexts.no_servers": "클러스터 {name}: bootstrap_servers가 없습니다; 'host:port,host:port'로 쓰세요",
    "contexts.none_in_use": "사용 중인 클러스터가 없습니다. --bootstrap-servers로 지정하거나 등록하세요: kappa cluster add 이름 --bootstrap-servers HOST:PORT",
    "contexts.unknown": "{path}에 클러스터 {wanted!r}이(가) 없습니다 (있는 것: {known}).",
    "contexts.not_toml": "{path}은(는) TOML이 아닙니다: {error}",
    "contexts.read_only": "클러스터 {name}은(는) 컨텍스트에서 읽기 전용입니다; 아무것도 바꾸지 않았습니다. 'kappa cluster add {name} --writable ...'로 풉니다.",
}

register(ENGLISH, KOREAN)
