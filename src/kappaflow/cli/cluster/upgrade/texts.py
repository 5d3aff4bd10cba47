"""Texts of `kappa cluster upgrade`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "cluster_upgrade.to": "version of Kafka that is wanted",
    "cluster_upgrade.zookeeper_to": "version of ZooKeeper that is wanted; on its own, without --to",
    "cluster_upgrade.old": "version of Kafka now (default: what the servers' software says)",
    "cluster_upgrade.strategy": "one server at a time, or all stopped together (default: %(default)s)",
    "cluster_upgrade.software": "directory of a version on the machines, with {version} in it",
    "cluster_upgrade.no_finalize": "leave out the last phase, after which there is no way back",
    "cluster_upgrade.finalize": "do the last phase alone, after an upgrade with --no-finalize",
    "cluster_upgrade.one_target": (
        "give one of --to for Kafka, --zookeeper-to for ZooKeeper, and --finalize; each is done on its own"
    ),
    "cluster_upgrade.old_version": "version of Kafka now",
    "cluster_upgrade.new_version": "version of Kafka that is wanted",
    "cluster_upgrade.no_cluster": "compare the versions alone, without a cluster",
    "cluster_upgrade.all": "also what does not concern the cluster",
    "cluster_upgrade.head": "From Kafka {old} to {new} ({source})",
    "cluster_upgrade.protocol": "In force: {protocol}",
    "cluster_upgrade.java": "Java: brokers need {needed} or later",
    "cluster_upgrade.java_found": "  {node}: Java {java}, {verdict}",
    "cluster_upgrade.java_unknown": "  {node}: its Java could not be told",
    "cluster_upgrade.ok": "good",
    "cluster_upgrade.old_java": "too old",
    "cluster_upgrade.clients": (
        "Clients: brokers of the new version answer clients from {oldest} on. Older ones show in the brokers' metric"
        " kafka.network:type=RequestMetrics,name=DeprecatedRequestsPerSec (3.9 and later)"
    ),
    "cluster_upgrade.count": "Configurations that change: {shown} shown of {all}",
}

KOREAN = {
    "cluster_upgrade.to": "올릴 Kafka 버전",
    "cluster_upgrade.zookeeper_to": "올릴 ZooKeeper 버전; --to 없이 따로 올립니다",
    "cluster_upgrade.old": "지금 Kafka 버전 (기본값: 서버 소프트웨어에서 읽음)",
    "cluster_upgrade.strategy": "한 번에 한 서버씩, 또는 모두 함께 멈추고 (기본값: %(default)s)",
    "cluster_upgrade.software": "기계에서 버전별 소프트웨어가 있는 디렉터리, {version}을 넣습니다",
    "cluster_upgrade.no_finalize": "되돌릴 수 없게 되는 마지막 단계를 뺍니다",
    "cluster_upgrade.finalize": "--no-finalize로 올린 뒤 마지막 단계만 합니다",
    "cluster_upgrade.one_target": "Kafka는 --to, ZooKeeper는 --zookeeper-to, 마무리는 --finalize 중 하나만 주십시오",
    "cluster_upgrade.old_version": "지금 Kafka 버전",
    "cluster_upgrade.new_version": "올릴 Kafka 버전",
    "cluster_upgrade.no_cluster": "클러스터 없이 버전만 비교합니다",
    "cluster_upgrade.all": "클러스터와 상관없는 것도 보여 줍니다",
    "cluster_upgrade.head": "Kafka {old}에서 {new}로 ({source})",
    "cluster_upgrade.protocol": "지금 적용 중: {protocol}",
    "cluster_upgrade.java": "Java: 브로커에 {needed} 이상이 필요합니다",
    "cluster_upgrade.java_found": "  {node}: Java {java}, {verdict}",
    "cluster_upgrade.java_unknown": "  {node}: Java 버전을 알 수 없습니다",
    "cluster_upgrade.ok": "충분함",
    "cluster_upgrade.old_java": "너무 낮음",
    "cluster_upgrade.clients": (
        "클라이언트: 새 버전의 브로커는 {oldest} 이상 클라이언트에만 답합니다. 더 오래된 것은 브로커 지표"
        " kafka.network:type=RequestMetrics,name=DeprecatedRequestsPerSec에서 보입니다 (3.9 이상)"
    ),
    "cluster_upgrade.count": "바뀌는 설정: {all}개 중 {shown}개",
}

register(ENGLISH, KOREAN)
