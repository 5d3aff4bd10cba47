"""Texts that all commands on clusters share."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "ops.cluster": "a cluster of clusters.toml (default: the one in use)",
    "ops.bootstrap": "addresses of Kafka brokers, host:port with commas; instead of a named cluster",
    "ops.command_config": "file with client properties, such as security.protocol (as Kafka's tools take it)",
    "ops.json": "print JSON",
    "ops.config_unreadable": "cannot read {path} ({reason})",
    "ops.bad_size": "{text} is no size; write 50MB, 1.5GiB or a number of bytes",
    "ops.bad_time": "{text} is no time; write ISO 8601, as in 2026-01-01T09:00:00+09:00, or ms since the epoch",
    "ops.bad_duration": "{text} is no duration; write 12h, 1d6h, 90m, or ISO 8601 as in PT12H",
    "plan.dry_run": "show what would be done and change nothing",
    "plan.file": "keep the plan in this file (.json or .yaml); by default in kappa's home directory",
    "plan.confirm": "the word that a dangerous plan asks for",
    "plan.path": "file of the plan",
    "plan.title": "{title} (cluster {cluster}, {steps} steps)",
    "plan.warning": "  WARNING: {warning}",
    "plan.final": "(cannot be undone)",
    "plan.not_done": "Nothing was changed (--dry-run).",
    "plan.kept": "The plan is in {path}. Do it with: kappa plan apply {path}",
    "plan.ask": "This is dangerous. Type {word} to go on: ",
    "plan.unconfirmed": "Not confirmed; nothing was changed. Give --confirm {word}, or type {word} when asked.",
    "plan.stopped": (
        "The plan stopped on the way. Look: kappa plan show {path}; go on: kappa plan resume {path};"
        " take back: kappa plan undo {path}"
    ),
    "plan.problem": "  step {step} is not as planned: {problem}",
    "plan.done": "Done and verified. Take it back with: kappa plan undo {path}",
    "plan.done_final": "Done and verified.",
    "plan.undone": "Everything that the plan did was taken back.",
    "plan.verified": "The cluster is as the plan wanted it.",
    "plan.state.pending": "to do",
    "plan.state.started": "doing",
    "plan.state.done": "done",
    "plan.state.undoing": "taking back",
    "plan.state.undone": "taken back",
    "plan_audit.broken": "The audit log is broken at line {line}: {reason}.",
    "plan_audit.whole": "The audit log has {events} events and its chain is whole.",
    "plan_resume.not_begun": "The plan was not begun; do it with: kappa plan apply {path}",
    "plan.no_cluster": "The plan is for cluster {cluster}; name it with --cluster or --bootstrap-servers.",
}

KOREAN = {
    "ops.cluster": "clusters.toml에 있는 클러스터 이름 (기본값: 사용 중인 클러스터)",
    "ops.bootstrap": "Kafka 브로커 주소(host:port, 쉼표로 구분); 이름 대신 쓸 수 있습니다",
    "ops.command_config": "클라이언트 속성 파일(security.protocol 등; Kafka 도구와 같은 형식)",
    "ops.json": "JSON으로 출력합니다",
    "ops.config_unreadable": "{path} 파일을 읽을 수 없습니다 ({reason})",
    "ops.bad_size": "{text}은(는) 크기가 아닙니다; 50MB, 1.5GiB 또는 바이트 수로 쓰세요",
    "ops.bad_time": "{text}은(는) 시각이 아닙니다; ISO 8601(예: 2026-01-01T09:00:00+09:00)이나 ms로 쓰세요",
    "ops.bad_duration": "{text}은(는) 기간이 아닙니다; 12h, 1d6h, 90m 또는 ISO 8601(PT12H)로 쓰세요",
    "plan.dry_run": "무엇을 할지 보여 주기만 하고 아무것도 바꾸지 않습니다",
    "plan.file": "계획을 저장할 파일(.json 또는 .yaml); 기본값은 kappa 홈 디렉터리",
    "plan.confirm": "위험한 계획이 요구하는 확인 단어",
    "plan.path": "계획 파일",
    "plan.title": "{title} (클러스터 {cluster}, {steps}단계)",
    "plan.warning": "  경고: {warning}",
    "plan.final": "(되돌릴 수 없음)",
    "plan.not_done": "아무것도 바꾸지 않았습니다 (--dry-run).",
    "plan.kept": "계획을 {path}에 저장했습니다. 실행: kappa plan apply {path}",
    "plan.ask": "위험한 작업입니다. 계속하려면 {word}를 입력하세요: ",
    "plan.unconfirmed": (
        "확인되지 않아 아무것도 바꾸지 않았습니다. --confirm {word}를 주거나, 물을 때 {word}를 입력하세요."
    ),
    "plan.stopped": (
        "계획이 중간에 멈췄습니다. 확인: kappa plan show {path}; 계속: kappa plan resume {path};"
        " 되돌리기: kappa plan undo {path}"
    ),
    "plan.problem": "  {step}단계가 계획과 다릅니다: {problem}",
    "plan.done": "완료하고 검증했습니다. 되돌리기: kappa plan undo {path}",
    "plan.done_final": "완료하고 검증했습니다.",
    "plan.undone": "계획이 한 일을 모두 되돌렸습니다.",
    "plan.verified": "클러스터가 계획대로입니다.",
    "plan.state.pending": "대기",
    "plan.state.started": "진행 중",
    "plan.state.done": "완료",
    "plan.state.undoing": "되돌리는 중",
    "plan.state.undone": "되돌림",
    "plan_audit.broken": "감사 로그가 {line}번째 줄에서 깨졌습니다: {reason}.",
    "plan_audit.whole": "감사 로그에 이벤트 {events}개가 있고 사슬이 온전합니다.",
    "plan_resume.not_begun": "시작하지 않은 계획입니다. 실행: kappa plan apply {path}",
    "plan.no_cluster": "클러스터 {cluster}의 계획입니다. --cluster나 --bootstrap-servers로 지정하세요.",
}

register(ENGLISH, KOREAN)
