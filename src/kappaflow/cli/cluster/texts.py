"""Texts of `kappa cluster`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "cluster.name": "name of the cluster",
    "cluster_add.zookeeper": "addresses of its ZooKeeper servers; nothing with KRaft",
    "cluster_add.read_only": "refuse every change to it",
    "cluster_add.writable": "allow changes again",
    "cluster_add.use": "take it into use",
    "cluster_add.done": "Cluster {name} is in {path}; in use is {current}.",
    "cluster_use.done": "Commands work with cluster {name} now.",
    "cluster_info.cluster": "cluster id: {cluster_id}",
    "cluster_info.kraft": "metadata: KRaft",
    "cluster_info.zookeeper": "metadata: ZooKeeper",
    "cluster_info.unknown": "metadata: the brokers do not say who keeps it",
    "cluster_info.controller": "active controller: {controller}",
    "cluster_info.topics": "{topics} topics, {partitions} partitions",
    "cluster_info.health": "under-replicated: {under_replicated}, offline: {offline}",
    "cluster_doctor.verbose": "name all topics, partitions and brokers that a finding is about",
    "cluster_doctor.well": "{rules} rules found nothing.",
    "cluster_doctor.count": "{error} errors, {warning} warnings, {note} notes",
}

KOREAN = {
    "cluster.name": "클러스터 이름",
    "cluster_add.zookeeper": "ZooKeeper 서버 주소; KRaft이면 비워 둡니다",
    "cluster_add.read_only": "이 클러스터를 바꾸는 일을 모두 거절합니다",
    "cluster_add.writable": "다시 바꿀 수 있게 합니다",
    "cluster_add.use": "이 클러스터를 사용합니다",
    "cluster_add.done": "클러스터 {name}을(를) {path}에 적었습니다. 사용 중: {current}.",
    "cluster_use.done": "이제 명령이 클러스터 {name}에 작용합니다.",
    "cluster_info.cluster": "클러스터 ID: {cluster_id}",
    "cluster_info.kraft": "메타데이터: KRaft",
    "cluster_info.zookeeper": "메타데이터: ZooKeeper",
    "cluster_info.unknown": "메타데이터: 누가 보관하는지 브로커가 말하지 않습니다",
    "cluster_info.controller": "활성 컨트롤러: {controller}",
    "cluster_info.topics": "토픽 {topics}개, 파티션 {partitions}개",
    "cluster_info.health": "복제가 모자란 파티션: {under_replicated}, 리더 없는 파티션: {offline}",
    "cluster_doctor.verbose": "해당하는 토픽, 파티션, 브로커를 모두 보여 줍니다",
    "cluster_doctor.well": "규칙 {rules}개로 살폈지만 문제가 없습니다.",
    "cluster_doctor.count": "오류 {error}개, 경고 {warning}개, 참고 {note}개",
}

register(ENGLISH, KOREAN)
