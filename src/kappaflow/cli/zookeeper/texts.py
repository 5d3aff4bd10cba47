"""Texts of `kappa zookeeper`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "zookeeper_status.zookeeper": "client addresses of the servers, instead of those of the cluster",
    "zookeeper_status.quorum": "{serving} of {voting} servers serve; quorum {quorum}; {lose} more may be lost",
    "zookeeper_add.servers": "numbers (myid) of the new servers, which clusters.toml names as hosts",
    "zookeeper_remove.servers": "numbers (myid) of the servers that go; they may be down",
    "zookeeper_replace.server": "number (myid) of the dead server; clusters.toml names its new machine",
    "zookeeper_restart.servers": "numbers (myid) of the servers; all by default",
}

KOREAN = {
    "zookeeper_status.zookeeper": "클러스터 설정 대신 쓸 서버의 클라이언트 주소",
    "zookeeper_status.quorum": "서버 {voting}대 중 {serving}대 서비스; 정족수 {quorum}; {lose}대 더 잃어도 됩니다",
    "zookeeper_add.servers": "새 서버의 번호(myid); clusters.toml에 호스트로 적혀 있어야 합니다",
    "zookeeper_remove.servers": "뺄 서버의 번호(myid); 멈춰 있어도 됩니다",
    "zookeeper_replace.server": "죽은 서버의 번호(myid); clusters.toml에 새 기계가 적혀 있어야 합니다",
    "zookeeper_restart.servers": "서버 번호(myid); 기본값은 모두",
}

register(ENGLISH, KOREAN)
