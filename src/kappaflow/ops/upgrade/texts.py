"""Texts about other versions."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "upgrade.title": "Bring Kafka from {old} to {new} ({strategy})",
    "upgrade.finalize.title": "Finish the upgrade to Kafka {new}",
    "upgrade.zookeeper.title": "Bring ZooKeeper from {old} to {new}",
    "upgrade.zookeeper.gates": "each server waits until the others that serve are a majority; the leader is last",
    "upgrade.no_zookeeper": "the context of cluster {cluster} names no ZooKeeper servers among its hosts",
    "upgrade.not_newer": "{new} is not newer than {old}",
    "upgrade.migrate_first": "Kafka {new} knows no ZooKeeper: go to {line} and migrate to KRaft there first",
    "upgrade.kraft_too_old": "there is no way from KRaft {old} to {new}: go to 3.9 first",
    "upgrade.java_too_old": "{nodes}: Java is older than {java}, which Kafka {new} needs",
    "upgrade.old_unknown": (
        "the version of the servers cannot be told or is not one (found: {versions}); name it with --from"
    ),
    "upgrade.no_link": (
        "the context does not say where the software of {node} is: add software = '/opt/kafka' (the link that its"
        " service starts from) to its host in clusters.toml"
    ),
    "upgrade.no_template": ("say where the new software is on the machines: --software '/opt/kafka_2.13-{{version}}'"),
    "upgrade.full_stop": "all servers stop together: nobody can read or write until they are back",
    "upgrade.phase_protocol": (
        "inter.broker.protocol.version stays {before} until all servers have the new software, then becomes {after}"
    ),
    "upgrade.phase_features": "metadata.version stays as it is until all servers have the new software",
    "upgrade.no_way_back": "after the last phase there is no way back to the old version",
    "upgrade.not_finalized": "the last phase is left out: undo brings the old version back",
    "upgrade.removed": "{name} is set on {where} and gone in the new version; in its place: {after}",
    "upgrade.default": "{name} is not set, and its default changes from {before} to {after}",
    "upgrade.features.step": "agree on the highest level of {features} that all brokers support",
    "upgrade.features.other": "{features} has not the highest level that all brokers support",
}

KOREAN = {
    "upgrade.title": "Kafka를 {old}에서 {new}로 올리기 ({strategy})",
    "upgrade.finalize.title": "Kafka {new}로 올리기 마무리",
    "upgrade.zookeeper.title": "ZooKeeper를 {old}에서 {new}로 올리기",
    "upgrade.zookeeper.gates": "각 서버는 나머지가 과반을 이룰 때까지 기다립니다. 리더가 마지막입니다",
    "upgrade.no_zookeeper": "클러스터 {cluster}의 컨텍스트 hosts에 ZooKeeper 서버가 없습니다",
    "upgrade.not_newer": "{new}은(는) {old}보다 새 버전이 아닙니다",
    "upgrade.migrate_first": "Kafka {new}에는 ZooKeeper가 없습니다: 먼저 {line}로 올려 KRaft로 옮기십시오",
    "upgrade.kraft_too_old": "KRaft {old}에서 {new}로 바로 갈 수 없습니다: 먼저 3.9로 올리십시오",
    "upgrade.java_too_old": "{nodes}: Java가 {java}보다 낮습니다. Kafka {new}에 필요합니다",
    "upgrade.old_unknown": "서버 버전을 알 수 없거나 서로 다릅니다 (찾은 것: {versions}). --from으로 적으십시오",
    "upgrade.no_link": (
        "컨텍스트에 {node}의 소프트웨어 위치가 없습니다: clusters.toml의 호스트에 software = '/opt/kafka'(서비스가 쓰는"
        " 링크)를 적으십시오"
    ),
    "upgrade.no_template": "새 소프트웨어가 기계 어디에 있는지 적으십시오: --software '/opt/kafka_2.13-{{version}}'",
    "upgrade.full_stop": "모든 서버가 함께 멈춥니다: 돌아올 때까지 아무도 읽거나 쓸 수 없습니다",
    "upgrade.phase_protocol": (
        "inter.broker.protocol.version은 모든 서버가 새 소프트웨어를 쓸 때까지 {before}이고, 그다음 {after}가 됩니다"
    ),
    "upgrade.phase_features": "metadata.version은 모든 서버가 새 소프트웨어를 쓸 때까지 그대로입니다",
    "upgrade.no_way_back": "마지막 단계 뒤에는 이전 버전으로 돌아갈 수 없습니다",
    "upgrade.not_finalized": "마지막 단계를 뺍니다: 되돌리면 이전 버전이 됩니다",
    "upgrade.removed": "{name}이(가) {where}에 설정되어 있는데 새 버전에는 없습니다. 대신: {after}",
    "upgrade.default": "{name}을(를) 설정하지 않았고, 기본값이 {before}에서 {after}로 바뀝니다",
    "upgrade.features.step": "모든 브로커가 지원하는 {features}의 가장 높은 수준으로 올립니다",
    "upgrade.features.other": "{features}이(가) 모든 브로커가 지원하는 가장 높은 수준이 아닙니다",
}

register(ENGLISH, KOREAN)
