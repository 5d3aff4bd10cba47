"""Texts about clusters that run on this machine."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "local_cluster.name": "name of the cluster",
    "local_cluster.nodes": "servers such as broker-2, zookeeper-1, or a broker's id (default: all)",
    "local_cluster.node": "a broker, such as broker-2 or 2",
    "local_cluster.start_nodes": "servers of an existing cluster to start (default: all that do not run)",
    "local_cluster.brokers": "how many brokers (default: %(default)s)",
    "local_cluster.version": "version of Kafka, 2.8.2 or later (default: %(default)s)",
    "local_cluster.zookeeper": "how many ZooKeeper servers (default: none, KRaft)",
    "local_cluster.zookeeper_version": "version of ZooKeeper (default: the one that Kafka's version ships with)",
    "local_cluster.controllers": "how many separate KRaft controllers (default: the brokers are controllers too)",
    "local_cluster.disks": "log directories of each broker (default: %(default)s)",
    "local_cluster.racks": "racks of the brokers, in turn; may be repeated",
    "local_cluster.rack": "rack of the broker",
    "local_cluster.config": "a property of all Kafka servers; may be repeated",
    "local_cluster.heap": "heap of each Kafka server (default: %(default)s)",
    "local_cluster.dir": "where its files are (default: in kappa's home directory)",
    "local_cluster.delete": "delete its files and its name too",
    "local_cluster.added_version": "version of Kafka (default: that of the first broker)",
    "local_cluster.force": "also when partitions lose a replica",
    "local_cluster.size": "size of a file system of its own in memory, such as 200MB; needs root",
    "local_cluster.bad_size": "--size takes a number and K, M or G, such as 200MB, not {size!r}",
    "local_cluster.bad_config": "--config takes NAME=VALUE, not {given!r}",
    "local_cluster.not_local": "Cluster {name} does not run on this machine; 'kappa cluster start' makes one.",
    "local_cluster.unknown": "There is no cluster {name}; 'kappa cluster start --name {name}' makes it.",
    "local_cluster.making": "Making cluster {name} in {directory} ...",
    "local_cluster.ready": "Cluster {name} is ready at {bootstrap}.",
    "local_cluster.zookeeper_at": "Its ZooKeeper is at {zookeeper}.",
    "local_cluster.what_next": (
        "Look at it: kappa cluster status {name}; end it: kappa cluster stop {name} (--delete removes its files too)."
    ),
    "local_cluster.stopped": "Stopped; start again with: kappa cluster start --name {name}",
    "local_cluster.deleted": "Cluster {name} and its files are gone.",
    "local_cluster.kill": "Killed: {nodes}.",
    "local_cluster.pause": "Paused: {nodes}.",
    "local_cluster.continue": "Running again: {nodes}.",
    "local_cluster.added": "{node} runs with id {number} at port {port}; it holds no partitions yet.",
    "local_cluster.added_controller": "{node} is laid out; it starts and votes with: kappa quorum add {number} --cluster {name}",
    "local_cluster.removed": "{node} and its files are gone.",
    "local_cluster.holds": (
        "{node} holds replicas of {count} partitions ({partitions} ...); move them away first, or give --force."
    ),
    "local_cluster.disk_added": (
        "{path} is there; {node} uses it once it stands in log.dirs of its server.properties and it was restarted."
    ),
}

KOREAN = {
    "local_cluster.name": "클러스터 이름",
    "local_cluster.nodes": "broker-2, zookeeper-1 같은 서버 이름이나 브로커 번호 (기본값: 전체)",
    "local_cluster.node": "broker-2 또는 2 같은 브로커",
    "local_cluster.start_nodes": "이미 있는 클러스터에서 시작할 서버 (기본값: 멈춰 있는 서버 전체)",
    "local_cluster.brokers": "브로커 수 (기본값: %(default)s)",
    "local_cluster.version": "Kafka 버전, 2.8.2 이상 (기본값: %(default)s)",
    "local_cluster.zookeeper": "ZooKeeper 서버 수 (기본값: 없음, KRaft)",
    "local_cluster.zookeeper_version": "ZooKeeper 버전 (기본값: Kafka 버전에 딸린 것)",
    "local_cluster.controllers": "따로 두는 KRaft 컨트롤러 수 (기본값: 브로커가 컨트롤러를 겸합니다)",
    "local_cluster.disks": "브로커마다 로그 디렉터리 수 (기본값: %(default)s)",
    "local_cluster.racks": "브로커의 랙, 차례로 씁니다; 여러 번 쓸 수 있습니다",
    "local_cluster.rack": "브로커의 랙",
    "local_cluster.config": "모든 Kafka 서버의 속성; 여러 번 쓸 수 있습니다",
    "local_cluster.heap": "Kafka 서버마다 힙 크기 (기본값: %(default)s)",
    "local_cluster.dir": "파일을 둘 곳 (기본값: kappa 홈 디렉터리)",
    "local_cluster.delete": "파일과 이름도 지웁니다",
    "local_cluster.added_version": "Kafka 버전 (기본값: 첫 브로커의 버전)",
    "local_cluster.force": "파티션이 복제본을 잃어도 합니다",
    "local_cluster.size": "메모리에 만드는 파일 시스템의 크기(예: 200MB); root가 필요합니다",
    "local_cluster.bad_size": "--size 형식은 200MB처럼 숫자와 K, M, G입니다: {size!r}",
    "local_cluster.bad_config": "--config 형식은 NAME=VALUE입니다: {given!r}",
    "local_cluster.not_local": (
        "클러스터 {name}은(는) 이 기계에서 돌지 않습니다. 'kappa cluster start'가 이 기계에 만듭니다."
    ),
    "local_cluster.unknown": "클러스터 {name}이(가) 없습니다. 'kappa cluster start --name {name}'으로 만듭니다.",
    "local_cluster.making": "클러스터 {name}을(를) {directory}에 만듭니다 ...",
    "local_cluster.ready": "클러스터 {name}이(가) {bootstrap}에서 준비되었습니다.",
    "local_cluster.zookeeper_at": "ZooKeeper 주소는 {zookeeper}입니다.",
    "local_cluster.what_next": (
        "상태: kappa cluster status {name}; 종료: kappa cluster stop {name} (--delete를 주면 파일도 지웁니다)."
    ),
    "local_cluster.stopped": "멈췄습니다. 다시 시작: kappa cluster start --name {name}",
    "local_cluster.deleted": "클러스터 {name}과(와) 그 파일을 지웠습니다.",
    "local_cluster.kill": "강제로 끝냄: {nodes}.",
    "local_cluster.pause": "일시 정지: {nodes}.",
    "local_cluster.continue": "다시 실행: {nodes}.",
    "local_cluster.added": "{node}이(가) 번호 {number}, 포트 {port}로 돌고 있습니다. 아직 맡은 파티션은 없습니다.",
    "local_cluster.added_controller": "{node}을(를) 마련했습니다. 시작하고 투표자로 만들기: kappa quorum add {number} --cluster {name}",
    "local_cluster.removed": "{node}과(와) 그 파일을 지웠습니다.",
    "local_cluster.holds": (
        "{node}에 파티션 {count}개의 복제본이 있습니다({partitions} ...). 먼저 옮기거나 --force를 주십시오."
    ),
    "local_cluster.disk_added": (
        "{path}을(를) 만들었습니다. {node}은(는) server.properties의 log.dirs에 적고 다시 시작해야 사용합니다."
    ),
}

register(ENGLISH, KOREAN)
