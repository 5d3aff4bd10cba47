"""Texts of `kappa users`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "users.name": "the user's name",
    "users.mechanism": "SCRAM-SHA-256 or SCRAM-SHA-512; may be repeated (default: both, or all that there are)",
    "users_add.password_file": "file whose first line is the password; KAPPA_PASSWORD where left out",
    "users_add.iterations": "iterations of the hash (default: 4096)",
}

KOREAN = {
    "users.name": "사용자 이름",
    "users.mechanism": "SCRAM-SHA-256 또는 SCRAM-SHA-512; 여러 번 쓸 수 있습니다 (기본값: 둘 다, 또는 있는 것 모두)",
    "users_add.password_file": "첫 줄이 비밀번호인 파일; 없으면 KAPPA_PASSWORD",
    "users_add.iterations": "해시 반복 횟수 (기본값: 4096)",
}

register(ENGLISH, KOREAN)
