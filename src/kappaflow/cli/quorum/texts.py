"""Texts of `kappa quorum`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "quorum_status.leader": "leader {leader}, epoch {epoch}, high watermark {watermark}",
    "quorum_status.quorum": "{serving} of {voters} voters follow; majority {quorum}; {lose} more may be lost",
    "quorum_add.controllers": "node ids of the new voters, which clusters.toml names as hosts with the role controller",
    "quorum_remove.controllers": "node ids of the voters that go; they may be down",
    "quorum_remove.keep_running": "do not stop the controllers afterwards: they read along as observers",
}

KOREAN = {
    "quorum_status.leader": "리더 {leader}, 에포크 {epoch}, 하이 워터마크 {watermark}",
    "quorum_status.quorum": "투표자 {voters}대 중 {serving}대가 따름; 과반수 {quorum}; {lose}대 더 잃어도 됩니다",
    "quorum_add.controllers": "새 투표자의 노드 id; clusters.toml에 controller 역할의 호스트로 적혀 있어야 합니다",
    "quorum_remove.controllers": "뺄 투표자의 노드 id; 멈춰 있어도 됩니다",
    "quorum_remove.keep_running": "뺀 뒤 컨트롤러를 멈추지 않습니다: 관찰자로 계속 읽습니다",
}

register(ENGLISH, KOREAN)
