"""Texts about clusters of this machine."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "local_clusters.not_unmounted": (
        "{path} cannot be unmounted, which needs root; its files were left where they are."
    ),
    "local_clusters.needs_root": "A file system of its own needs root: {reason}",
    "local_clusters.there": "{directory} holds a local cluster already; start it, or name another directory.",
    "local_clusters.no_server": "Cluster {cluster} has no server {name!r}; it has {known}.",
    "local_clusters.not_formatted": "Kafka {version} could not format {name}: {reason}",
    "local_clusters.no_controllers": "Cluster {name} has no controllers of their own that can be added at run time.",
    "local_clusters.kraft_already": "Cluster {name} has KRaft already.",
    "local_clusters.not_only_broker": "{name} is {roles}; only brokers that are nothing else can go.",
    "local_clusters.last_broker": "{name} is the last broker; stop the cluster instead.",
    "local_clusters.not_ready": "Cluster {name} is not ready after {timeout_s:.0f} s. Its servers' logs are {directory}/*/service.log.",
    "local_clusters.ended": "{service} ended while starting: {log}",
    "local_clusters.bad_numbers": "A cluster has at least one broker with one disk, and no negative numbers of servers.",
    "local_clusters.no_zookeeper": "Kafka {version} knows no ZooKeeper; leave --zookeeper out, or take 3.9.2.",
    "local_clusters.needs_zookeeper": "Kafka {version} needs ZooKeeper; add --zookeeper 1 or --zookeeper 3.",
    "local_clusters.zookeeper_controllers": "Controllers of their own are KRaft's; a cluster with ZooKeeper has none.",
    "local_clusters.unreadable": "{directory} holds no local cluster: {error}",
    "local_clusters.unresolved": "Maven could not resolve {dependencies}: {output}",
    "local_clusters.no_program": "The command '{command}' is not on PATH. Install it (a JDK 17 and Maven) and try again.",
    "local_clusters.too_old": "Kafka {version} is older than 2.8.2, the oldest that kappa works with.",
    "local_clusters.no_version": "{version!r} is no version; write it as 3.9.2",
}

KOREAN = {
    "local_clusters.not_unmounted": (
        "{path}을(를) 마운트 해제할 수 없습니다. root 권한이 필요합니다; 파일은 그대로 두었습니다."
    ),
    "local_clusters.needs_root": "별도의 파일 시스템을 만들려면 root 권한이 필요합니다: {reason}",
    "local_clusters.there": "{directory}에 이미 로컬 클러스터가 있습니다; 그것을 시작하거나 다른 디렉터리를 지정하세요.",
    "local_clusters.no_server": "클러스터 {cluster}에 서버 {name!r}이(가) 없습니다; 있는 것: {known}.",
    "local_clusters.not_formatted": "Kafka {version}이(가) {name}을(를) 포맷하지 못했습니다: {reason}",
    "local_clusters.no_controllers": "클러스터 {name}에는 실행 중에 더할 수 있는 전용 컨트롤러가 없습니다.",
    "local_clusters.kraft_already": "클러스터 {name}은(는) 이미 KRaft입니다.",
    "local_clusters.not_only_broker": "{name}의 역할은 {roles}입니다; 브로커 역할만 하는 서버만 뺄 수 있습니다.",
    "local_clusters.last_broker": "{name}은(는) 마지막 브로커입니다; 대신 클러스터를 멈추세요.",
    "local_clusters.not_ready": "클러스터 {name}이(가) {timeout_s:.0f}초 뒤에도 준비되지 않았습니다. 서버 로그: {directory}/*/service.log",
    "local_clusters.ended": "{service}이(가) 시작하다가 끝났습니다: {log}",
    "local_clusters.bad_numbers": "클러스터에는 디스크가 하나 이상인 브로커가 하나 이상 있어야 하고, 서버 수는 음수일 수 없습니다.",
    "local_clusters.no_zookeeper": "Kafka {version}에는 ZooKeeper가 없습니다; --zookeeper를 빼거나 3.9.2를 쓰세요.",
    "local_clusters.needs_zookeeper": "Kafka {version}에는 ZooKeeper가 필요합니다; --zookeeper 1이나 --zookeeper 3을 더하세요.",
    "local_clusters.zookeeper_controllers": "전용 컨트롤러는 KRaft의 것입니다; ZooKeeper 클러스터에는 없습니다.",
    "local_clusters.unreadable": "{directory}에 로컬 클러스터가 없습니다: {error}",
    "local_clusters.unresolved": "Maven이 {dependencies}을(를) 찾지 못했습니다: {output}",
    "local_clusters.no_program": "명령 '{command}'이(가) PATH에 없습니다. 설치한 뒤(JDK 17과 Maven) 다시 하세요.",
    "local_clusters.too_old": "Kafka {version}은(는) kappa가 다루는 가장 오래된 2.8.2보다 오래되었습니다.",
    "local_clusters.no_version": "{version!r}은(는) 버전이 아닙니다; 3.9.2처럼 쓰세요",
}

register(ENGLISH, KOREAN)
