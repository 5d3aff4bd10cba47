"""Texts about reassignments."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "reassign.title.factor": "Give {topics} {factor} replicas, leaders unchanged",
    "reassign.title.drain": "Take all replicas off broker {brokers}",
    "reassign.title.scale_out": "Give new broker {brokers} its share of replicas",
    "reassign.title.balance": "Level replicas over {brokers} brokers",
    "reassign.title.file": "Move {count} partitions as {path} says",
    "reassign.title.cancel": "Cancel {count} reassignments under way",
    "reassign.title.clean": "Lift {count} throttles that were left behind",
    "reassign.effect.total": "{partitions} partitions change; {mib} MiB are copied",
    "reassign.effect.time": "at {rate} MiB/s a broker this takes about {minutes} minutes",
    "reassign.effect.broker": (
        "broker {broker}: replicas {before} -> {after}, preferred leader of {leaders_before} -> {leaders_after},"
        " {mib} MiB"
    ),
    "reassign.effect.partition": "{partition}: {before} -> {after}  (leader {leader})",
    "reassign.effect.more": ".. and {count} partitions more; the plan's file has them all",
    "reassign.effect.throttle": "{resource}: {config}={value} is lifted",
    "reassign.effect.cancel": "{partition}: does not go on to {adding}",
    "reassign.effect.hours": "moves begin {hours} only: the first in {minutes} minutes",
    "reassign.effect.quiet": (
        "moves begin {hours} only, the least used hours ({rate} records/s; usually {usual}): the first in {minutes}"
        " minutes; kappa waits, and can be ended and resumed meanwhile"
    ),
    "reassign.throttle_away": (
        "broker {broker} is away and cannot be told; once it is back: kappa reassign clean-throttles"
    ),
    "reassign.undo_away": "broker {broker} is away, so nothing can go back to it; start it and take back once more",
    "reassign.waiting": "waiting for {hours}: {minutes} minutes",
    "reassign.move.step_at": "move {count} partitions ({mib} MiB), begun {hours}",
    "reassign.move.step": "move {count} partitions ({mib} MiB)",
    "reassign.lead.step": "let the preferred replicas of {count} partitions lead",
    "reassign.cancel.step": "cancel {count} reassignments",
    "reassign.throttle.step": "limit what {brokers} brokers copy to {rate} MiB/s each",
    "reassign.unthrottle.step": "lift the limit of {brokers} brokers and {topics} topics",
    "reassign.progress": "{left} partitions under way, {copied} of {total} MiB, {rate} MiB/s, {eta} to go",
    "reassign.no_topic": "there is no topic {topic}",
    "reassign.few_brokers": "{wanted} replicas need {wanted} brokers that are alive; there are {brokers}",
    "reassign.nothing": "nothing would change: every partition has as many replicas",
    "reassign.balanced": "nothing would change: the replicas are level already",
    "reassign.empty_brokers": "there are no replicas on broker {brokers}",
    "reassign.nowhere": "{partition} has {replicas} replicas and {brokers} brokers would stay; reduce its replicas first",
    "reassign.not_alive": "broker {broker} is not alive; alive are {brokers}",
    "reassign.under_way": (
        "a reassignment of {partition} is under way, begun by somebody else; look: kappa reassign status;"
        " wait for it, or cancel it: kappa reassign cancel"
    ),
    "reassign.offline": "{partition} has no leader; a partition without one cannot be moved",
    "reassign.target_away": "{partition} is to go to broker {broker}, which is away",
    "reassign.gone": "{partition} does not exist any more",
    "reassign.changed": "{partition} is on {now} and was on {was} when the plan was made; make a new plan",
    "reassign.elsewhere": "{partition} is on {found} instead of {wanted}",
    "reassign.not_in_sync": "of {partition} only {in_sync} are in sync",
    "reassign.leader_changed": "{partition} is led by {after} and was led by {before}",
    "reassign.not_led": "{partition} is not led by its preferred replica",
    "reassign.still_moving": "{partition} still moves",
    "reassign.throttle_other": "{config} of {resource} is {found}",
    "reassign.static": (
        "broker {brokers} has a throttle in its properties file; it stays when the plan lifts its own, and limits"
        " what this plan copies"
    ),
    "reassign.others_throttle": (
        "somebody has limited {resources} already: this plan's limit holds while it moves, theirs is set again at its end"
    ),
    "reassign.waits_for": (
        "{left} partitions under way; they end when broker {brokers}, which is away, is back and in sync: start it, or"
        " stop here and take back: kappa plan undo"
    ),
    "reassign.stalled_away": (
        "nothing was copied for {minutes} minutes: broker {brokers} is away, and moves to it end only when it is in"
        " sync; start it and go on: kappa plan resume; or take back: kappa plan undo"
    ),
    "reassign.stalled": (
        "nothing was copied for {minutes} minutes and {partitions} partitions still move; is a broker away, a disk"
        " full, a throttle left behind? Look: kappa reassign status"
    ),
    "reassign.idle": "no reassignment is under way",
    "reassign.clean": "no throttle is set",
    "reassign.busy": "reassignments are under way that these throttles may belong to; they are lifted when those are done",
    "reassign.bad_file": "{path} is no reassignment ({reason})",
}

KOREAN = {
    "reassign.title.factor": "{topics}의 복제본을 {factor}개로(리더는 그대로)",
    "reassign.title.drain": "브로커 {brokers}의 복제본 모두 옮기기",
    "reassign.title.scale_out": "새 브로커 {brokers}에 복제본 나눠 주기",
    "reassign.title.balance": "브로커 {brokers}대에 복제본 고르게 나누기",
    "reassign.title.file": "{path}에 적힌 대로 파티션 {count}개 옮기기",
    "reassign.title.cancel": "진행 중인 재배치 {count}개 취소",
    "reassign.title.clean": "남겨진 전송 제한 {count}개 풀기",
    "reassign.effect.total": "파티션 {partitions}개가 바뀌고 {mib} MiB를 복사합니다",
    "reassign.effect.time": "브로커마다 {rate} MiB/s로 약 {minutes}분 걸립니다",
    "reassign.effect.broker": (
        "브로커 {broker}: 복제본 {before} -> {after}, 선호 리더 {leaders_before} -> {leaders_after}, {mib} MiB"
    ),
    "reassign.effect.partition": "{partition}: {before} -> {after}  (리더 {leader})",
    "reassign.effect.more": ".. 그리고 파티션 {count}개 더; 계획 파일에 모두 있습니다",
    "reassign.effect.throttle": "{resource}: {config}={value}을(를) 풉니다",
    "reassign.effect.cancel": "{partition}: {adding}(으)로 더 옮기지 않습니다",
    "reassign.effect.hours": "{hours}에만 옮기기 시작합니다: 첫 번째는 {minutes}분 뒤",
    "reassign.effect.quiet": (
        "가장 한가한 {hours}에만 옮기기 시작합니다(초당 레코드 {rate}; 평소 {usual}): 첫 번째는 {minutes}분 뒤;"
        " kappa가 기다리며, 그동안 끝냈다가 이어서 할 수 있습니다"
    ),
    "reassign.throttle_away": (
        "브로커 {broker}이(가) 없어서 알릴 수 없습니다; 돌아오면: kappa reassign clean-throttles"
    ),
    "reassign.undo_away": "브로커 {broker}이(가) 없어서 되돌려 보낼 수 없습니다; 시작한 뒤 다시 되돌리십시오",
    "reassign.waiting": "{hours}를 기다립니다: {minutes}분",
    "reassign.move.step_at": "파티션 {count}개를 {hours}에 옮기기 시작합니다 ({mib} MiB)",
    "reassign.move.step": "파티션 {count}개를 옮깁니다 ({mib} MiB)",
    "reassign.lead.step": "파티션 {count}개의 리더를 선호 복제본에 넘깁니다",
    "reassign.cancel.step": "재배치 {count}개를 취소합니다",
    "reassign.throttle.step": "브로커 {brokers}대의 복사를 각각 {rate} MiB/s로 제한합니다",
    "reassign.unthrottle.step": "브로커 {brokers}대와 토픽 {topics}개의 제한을 풉니다",
    "reassign.progress": "파티션 {left}개 진행 중, {total} MiB 중 {copied} MiB, {rate} MiB/s, 남은 시간 {eta}",
    "reassign.no_topic": "토픽 {topic}이(가) 없습니다",
    "reassign.few_brokers": "복제본 {wanted}개에는 살아 있는 브로커 {wanted}대가 필요합니다; {brokers}대가 있습니다",
    "reassign.nothing": "바뀔 것이 없습니다: 모든 파티션의 복제본 수가 이미 같습니다",
    "reassign.balanced": "바뀔 것이 없습니다: 복제본이 이미 고릅니다",
    "reassign.empty_brokers": "브로커 {brokers}에 복제본이 없습니다",
    "reassign.nowhere": "{partition}의 복제본은 {replicas}개인데 브로커는 {brokers}대만 남습니다; 복제본을 먼저 줄이세요",
    "reassign.not_alive": "브로커 {broker}이(가) 살아 있지 않습니다; 살아 있는 브로커: {brokers}",
    "reassign.under_way": (
        "다른 누군가 시작한 {partition}의 재배치가 진행 중입니다; 확인: kappa reassign status;"
        " 기다리거나 취소하세요: kappa reassign cancel"
    ),
    "reassign.offline": "{partition}에 리더가 없습니다; 리더 없는 파티션은 옮길 수 없습니다",
    "reassign.target_away": "{partition}이(가) 갈 브로커 {broker}이(가) 없습니다",
    "reassign.gone": "{partition}이(가) 더는 없습니다",
    "reassign.changed": "{partition}이(가) 계획할 때 {was}에 있었는데 지금은 {now}에 있습니다; 계획을 다시 만드세요",
    "reassign.elsewhere": "{partition}이(가) {wanted}이 아니라 {found}에 있습니다",
    "reassign.not_in_sync": "{partition}은(는) {in_sync}만 동기화되었습니다",
    "reassign.leader_changed": "{partition}의 리더가 {before}에서 {after}(으)로 바뀌었습니다",
    "reassign.not_led": "{partition}을(를) 선호 복제본이 이끌지 않습니다",
    "reassign.still_moving": "{partition}이(가) 아직 옮겨지고 있습니다",
    "reassign.throttle_other": "{resource}의 {config}이(가) {found}입니다",
    "reassign.static": (
        "브로커 {brokers}의 속성 파일에 전송 제한이 있습니다; 계획이 자기 제한을 풀어도 남아서 이 계획의 복사를 제한합니다"
    ),
    "reassign.others_throttle": (
        "누군가 이미 {resources}에 제한을 두었습니다: 옮기는 동안은 이 계획의 제한이, 끝나면 다시 이전 제한이 적용됩니다"
    ),
    "reassign.waits_for": (
        "파티션 {left}개 진행 중; 없는 브로커 {brokers}이(가) 돌아와 동기화되어야 끝납니다: 시작하거나, 여기서 멈추고"
        " 되돌리십시오: kappa plan undo"
    ),
    "reassign.stalled_away": (
        "{minutes}분 동안 복사된 것이 없습니다: 브로커 {brokers}이(가) 없으며, 그곳으로의 이동은 동기화되어야만 끝납니다;"
        " 시작한 뒤 이어서 하거나(kappa plan resume) 되돌리십시오(kappa plan undo)"
    ),
    "reassign.stalled": (
        "{minutes}분 동안 복사된 것이 없고 파티션 {partitions}개가 아직 옮겨지고 있습니다; 브로커가 멈췄거나 디스크가 찼거나"
        " 제한이 남아 있나요? 확인: kappa reassign status"
    ),
    "reassign.idle": "진행 중인 재배치가 없습니다",
    "reassign.clean": "설정된 전송 제한이 없습니다",
    "reassign.busy": "이 제한이 속한 재배치가 진행 중일 수 있습니다; 끝나면 풀립니다",
    "reassign.bad_file": "{path}은(는) 재배치 파일이 아닙니다 ({reason})",
}

register(ENGLISH, KOREAN)
