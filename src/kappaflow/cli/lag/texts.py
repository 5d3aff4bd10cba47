"""Texts of `kappa lag`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "lag_doctor.groups": "groups; all by default",
    "lag_doctor.seconds": "how long to look at each; longer than some commits of its consumers (default: 30)",
    "lag_doctor.samples": "how often to look in this time (default: 10)",
    "lag_doctor.no_keys": "do not read records to find hot keys",
    "lag_doctor.verbose": "show every partition",
    "lag_doctor.too_few": "--samples must be at least 3, and --seconds more than 0",
}

KOREAN = {
    "lag_doctor.groups": "그룹; 기본값은 모두",
    "lag_doctor.seconds": "그룹마다 살필 시간(초); 컨슈머의 커밋 간격보다 길어야 합니다 (기본값: 30)",
    "lag_doctor.samples": "그동안 살필 횟수 (기본값: 10)",
    "lag_doctor.no_keys": "뜨거운 키를 찾으려고 레코드를 읽지 않습니다",
    "lag_doctor.verbose": "모든 파티션을 보여 줍니다",
    "lag_doctor.too_few": "--samples는 3 이상, --seconds는 0보다 커야 합니다",
}

register(ENGLISH, KOREAN)
