"""Texts of `kappa acls`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "acls.topic": "a topic; * for all",
    "acls.group": "a consumer group; * for all",
    "acls.transactional_id": "a transactional id; * for all",
    "acls.of_cluster": "the cluster itself",
    "acls.delegation_token": "a delegation token; * for all",
    "acls.user_principal": "a user whose delegation tokens others may make or see; * for all",
    "acls.of_host": "only entries for this address; * for those that hold for any",
    "acls.pattern": "only entries for whole names, or for beginnings of names",
    "acls_remove.allow": "only what allows",
    "acls_remove.deny": "only what denies",
    "acls.principal": "who: a user's name, or as User:alice; * for everybody",
    "acls.operation": "what: Read, Write, Create, Delete, Alter, Describe, .. or All; may be repeated where something is added",
    "acls.host": "from which address (default: any)",
    "acls.prefixed": "the name is the beginning of names",
    "acls.bad_operation": "there is no operation {given}; there are {known}",
    "acls.name_it": "name what it is about: --topic, --group, --transactional-id, --of-cluster, ..",
    "acls_list.matching": "entries that hold for the name by a prefix or for everything, too",
    "acls_add.producer": "all that a producer of the topic needs",
    "acls_add.consumer": "all that a consumer of the topic in this group needs",
    "acls_add.allow": "allow it (default)",
    "acls_add.deny": "deny it; goes before every permission",
    "acls_add.roles": "--producer and --consumer allow something on a topic: name it with --topic",
    "acls_remove.name_them": "name whose or which entries go: --principal, --topic, --group, ..",
}

KOREAN = {
    "acls.topic": "토픽; *이면 모두",
    "acls.group": "컨슈머 그룹; *이면 모두",
    "acls.transactional_id": "트랜잭션 id; *이면 모두",
    "acls.of_cluster": "클러스터 자체",
    "acls.delegation_token": "위임 토큰; *이면 모두",
    "acls.user_principal": "다른 사람이 위임 토큰을 만들거나 볼 수 있는 사용자; *이면 모두",
    "acls.of_host": "이 주소에 대한 항목만; *이면 모든 주소에 대한 항목",
    "acls.pattern": "전체 이름 또는 접두사에 대한 항목만",
    "acls_remove.allow": "허용하는 항목만",
    "acls_remove.deny": "거부하는 항목만",
    "acls.principal": "누구: 사용자 이름, 또는 User:alice; *이면 모두",
    "acls.operation": "무엇: Read, Write, Create, Delete, Alter, Describe 등 또는 All; 더할 때는 여러 번 쓸 수 있습니다",
    "acls.host": "어느 주소에서 (기본값: 어디서나)",
    "acls.prefixed": "이름이 접두사입니다",
    "acls.bad_operation": "{given} 작업은 없습니다; 있는 것: {known}",
    "acls.name_it": "무엇에 대한 것인지 주세요: --topic, --group, --transactional-id, --of-cluster 등",
    "acls_list.matching": "접두사나 전체로 이 이름에 해당하는 항목도",
    "acls_add.producer": "토픽의 프로듀서에 필요한 모든 것",
    "acls_add.consumer": "이 그룹에서 토픽을 읽는 컨슈머에 필요한 모든 것",
    "acls_add.allow": "허용합니다 (기본값)",
    "acls_add.deny": "거부합니다; 모든 허용보다 앞섭니다",
    "acls_add.roles": "--producer와 --consumer는 토픽에 대한 허용입니다: --topic으로 지정하세요",
    "acls_remove.name_them": "누구의, 또는 무엇에 대한 항목인지 주세요: --principal, --topic, --group 등",
}

register(ENGLISH, KOREAN)
