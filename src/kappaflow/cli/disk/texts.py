"""Texts of `kappa disk`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "disk.broker_option": "id of the broker",
    "disk_usage.by": "what is added up (default: broker)",
    "disk_usage.top": "only the largest",
    "disk_usage.broker": "only this broker's disks; may be repeated",
    "disk_usage.topic": "count only this topic; may be repeated",
    "disk_free.target": "how much to free, as in 50GB",
    "disk_free.topic": "only this topic may be cut; may be repeated; all by default",
    "disk_free.broker": "free it on this broker; on all together by default",
    "disk_free.at_least": "propose no retention below this (default: 1h)",
    "disk_free.allow": "let groups lose records that they have not read",
    "disk_free.temporary": "put the old retention back once the space is free",
    "disk_balance.batch": "how many replicas move at once (default: 10)",
    "disk_add.path": "the new directory, on a file system of its own",
    "disk_rescue.retention": "the retention that topics on the disk get (default: 24h)",
    "disk_rescue.topic": "only this topic; may be repeated; all that lie on the disk by default",
}

KOREAN = {
    "disk.broker_option": "브로커 id",
    "disk_usage.by": "무엇별로 더할지 (기본값: broker)",
    "disk_usage.top": "가장 큰 것 몇 개만",
    "disk_usage.broker": "이 브로커의 디스크만; 여러 번 쓸 수 있습니다",
    "disk_usage.topic": "이 토픽만 셉니다; 여러 번 쓸 수 있습니다",
    "disk_free.target": "비울 크기(예: 50GB)",
    "disk_free.topic": "이 토픽만 줄입니다; 여러 번 쓸 수 있고, 기본값은 모두",
    "disk_free.broker": "이 브로커에서 비웁니다; 기본값은 모두 합해서",
    "disk_free.at_least": "이보다 짧은 보존 기간은 제안하지 않습니다 (기본값: 1h)",
    "disk_free.allow": "그룹이 읽지 않은 레코드를 잃어도 됩니다",
    "disk_free.temporary": "공간이 비면 이전 보존 기간으로 되돌립니다",
    "disk_balance.batch": "한 번에 옮길 복제본 수 (기본값: 10)",
    "disk_add.path": "따로 마운트한 새 디렉터리",
    "disk_rescue.retention": "디스크에 있는 토픽의 새 보존 기간 (기본값: 24h)",
    "disk_rescue.topic": "이 토픽만; 여러 번 쓸 수 있고, 기본값은 디스크에 있는 모두",
}

register(ENGLISH, KOREAN)
