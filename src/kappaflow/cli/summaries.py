"""One line about each command on clusters; apart from their other texts, which are read only when one is used."""

from __future__ import annotations

ENGLISH = {
    "cluster_add.summary": "give a cluster a name and say how it is reached",
    "cluster_list.summary": "list the clusters that have names",
    "cluster_use.summary": "choose the cluster that commands work with",
    "topics_list.summary": "list topics, how large and how healthy",
    "topics_create.summary": "create a topic",
    "topics_describe.summary": "show topics partition by partition",
    "topics_alter.summary": "give a topic more partitions",
    "topics_delete.summary": "delete a topic, or say why it is not deleted",
    "topics_delete_records.summary": "delete the oldest records of partitions",
    "topics_offsets.summary": "show where partitions begin, end, or are at a time",
    "topics_elect_leaders.summary": "give leadership to preferred replicas, or force a leader",
    "configs_describe.summary": "show configurations with source, default and meaning",
    "configs_alter.summary": "change configurations",
    "plan_show.summary": "show a plan and how far it is",
    "plan_apply.summary": "do what a plan says",
    "plan_resume.summary": "go on with a plan that was interrupted",
    "plan_verify.summary": "compare the cluster with what a plan wanted",
    "plan_undo.summary": "take back what a plan did",
    "plan_list.summary": "list the plans of this home directory",
    "plan_audit.summary": "show the audit log and check its chain",
}

KOREAN = {
    "cluster_add.summary": "클러스터에 이름을 붙이고 접속 방법을 적습니다",
    "cluster_list.summary": "이름 붙은 클러스터 목록을 보여 줍니다",
    "cluster_use.summary": "명령이 사용할 클러스터를 고릅니다",
    "topics_list.summary": "토픽 목록과 크기, 상태를 보여 줍니다",
    "topics_create.summary": "토픽을 만듭니다",
    "topics_describe.summary": "토픽을 파티션별로 보여 줍니다",
    "topics_alter.summary": "토픽의 파티션을 늘립니다",
    "topics_delete.summary": "토픽을 삭제하거나, 삭제되지 않는 까닭을 보여 줍니다",
    "topics_delete_records.summary": "파티션의 오래된 레코드를 삭제합니다",
    "topics_offsets.summary": "파티션의 시작, 끝, 또는 어느 시각의 위치를 보여 줍니다",
    "topics_elect_leaders.summary": "선호 복제본에 리더를 넘기거나, 리더를 강제로 정합니다",
    "configs_describe.summary": "설정을 출처, 기본값, 뜻과 함께 보여 줍니다",
    "configs_alter.summary": "설정을 바꿉니다",
    "plan_show.summary": "계획과 진행 상태를 보여 줍니다",
    "plan_apply.summary": "계획을 실행합니다",
    "plan_resume.summary": "중단된 계획을 이어서 실행합니다",
    "plan_verify.summary": "클러스터를 계획과 비교합니다",
    "plan_undo.summary": "계획이 한 일을 되돌립니다",
    "plan_list.summary": "홈 디렉터리에 있는 계획 목록을 보여 줍니다",
    "plan_audit.summary": "감사 로그를 보여 주고 사슬을 확인합니다",
}
