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
}

KOREAN = {
    "cluster.name": "클러스터 이름",
    "cluster_add.zookeeper": "ZooKeeper 서버 주소; KRaft이면 비워 둡니다",
    "cluster_add.read_only": "이 클러스터를 바꾸는 일을 모두 거절합니다",
    "cluster_add.writable": "다시 바꿀 수 있게 합니다",
    "cluster_add.use": "이 클러스터를 사용합니다",
    "cluster_add.done": "클러스터 {name}을(를) {path}에 적었습니다. 사용 중: {current}.",
    "cluster_use.done": "이제 명령이 클러스터 {name}에 작용합니다.",
}

register(ENGLISH, KOREAN)
