"""Texts of `kappa reassign`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "reassign.throttle_option": "what each broker may copy at most, as in 50MB/s (default: no limit)",
    "reassign.batch_option": "how many partitions move at once (default: 50)",
    "reassign.at_option": (
        "begin moves only in these hours: 02:00-05:00 on this machine's clock, or quiet for the four least used hours"
        " that the monitor measured (quiet:6h for six); default: at once"
    ),
    "reassign.bad_hours": "{text} are no hours; write 02:00-05:00, quiet or quiet:6h",
    "reassign.no_monitor": "the least used hours are not known: {reason}",
    "reassign.bad_batch": "--batch must be at least 1, not {batch}",
    "reassign.bad_broker": "{broker} is no broker's id",
    "reassign_factor.factor": "how many replicas each partition has then",
    "reassign_factor.topics": "topics",
    "reassign_drain.brokers": "ids of the brokers; they may be away",
    "reassign_scale_out.brokers": "ids of the new brokers, which have joined",
    "reassign_balance.topics": "topics whose replicas may move; all by default",
    "reassign_execute.path": "the file, JSON",
    "reassign_status.idle": "No reassignment is under way.",
}

KOREAN = {
    "reassign.throttle_option": "브로커마다 복사 한도(예: 50MB/s; 기본값: 제한 없음)",
    "reassign.batch_option": "한 번에 옮길 파티션 수 (기본값: 50)",
    "reassign.at_option": (
        "이 시간에만 옮기기 시작합니다: 이 머신 시계로 02:00-05:00, 또는 모니터가 잰 가장 한가한 네 시간인 quiet"
        " (quiet:6h는 여섯 시간); 기본값: 바로"
    ),
    "reassign.bad_hours": "{text}은(는) 시간이 아닙니다; 02:00-05:00, quiet, quiet:6h처럼 쓰세요",
    "reassign.no_monitor": "가장 한가한 시간을 알 수 없습니다: {reason}",
    "reassign.bad_batch": "--batch 값은 1 이상이어야 합니다: {batch}",
    "reassign.bad_broker": "{broker}은(는) 브로커 id가 아닙니다",
    "reassign_factor.factor": "파티션마다 복제본 수",
    "reassign_factor.topics": "토픽",
    "reassign_drain.brokers": "브로커 id; 멈춰 있어도 됩니다",
    "reassign_scale_out.brokers": "클러스터에 들어온 새 브로커의 id",
    "reassign_balance.topics": "복제본을 옮겨도 되는 토픽; 기본값은 모두",
    "reassign_execute.path": "JSON 파일",
    "reassign_status.idle": "진행 중인 재배치가 없습니다.",
}

register(ENGLISH, KOREAN)
