"""Texts about disks."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "disk.rm_failed": "host {node_id}: rm failed: {reason}",
    "disk.cannot_list": "host {node_id}: cannot list {log_dirs}: {reason}",
    "disk.free.title": "Free {mib} MiB by cutting the retention of {count} topics",
    "disk.cut.effect": "topic {topic}: retention {before} -> {after} frees {mib} MiB; records from {oldest} on are kept",
    "disk.await.step": "wait until {mib} MiB are free",
    "disk.await.progress": "{freed} of {wanted} MiB are free after {seconds} s",
    "disk.too_little": "this frees {freed} MiB of the {target} MiB that were asked for",
    "disk.estimate": "some sizes are estimates from offsets: brokers delete whole segments, so less may go at first",
    "disk.loser": "group {group} has not read {records} of the records of {topic} that go",
    "disk.no_broker": "broker {broker} is not in the cluster, or away",
    "disk.no_topic": "there is no topic {topic}",
    "disk.no_cut": "no retention that may be proposed frees anything",
    "disk.no_harmless_cut": (
        "no retention frees anything without a group losing records that it has not read; see how far behind they are"
        " (kappa groups list), or accept the loss with --allow-unread-loss"
    ),
    "disk.not_freed": "nothing was freed for {minutes} minutes; the brokers look for old segments every {check}",
    "disk.balance.title": "Level the directories of broker {broker}",
    "disk.balance.effect": "{path}: {before} -> {after} MiB",
    "disk.move.step": "move {count} replicas of broker {broker} to other directories ({mib} MiB)",
    "disk.move.progress": "{left} replicas are still being copied",
    "disk.elsewhere": "{partition} is not in {path}",
    "disk.stalled": "no replica of broker {broker} has arrived for {minutes} minutes; is the disk full or throttled?",
    "disk.one_directory": "broker {broker} has one directory that works; there is nothing to level",
    "disk.moving": "replicas of broker {broker} are being moved between directories now; wait for them",
    "disk.level": "the directories of broker {broker} are level already",
    "disk.add.title": "Add {path} to the directories of broker {broker}",
    "disk.add.step": "add {path} to log.dirs in {file} of broker {broker}",
    "disk.add.effect": "broker {broker}: log.dirs {before} -> {after}",
    "disk.add.restart": (
        "the broker uses it after a restart: kappa brokers restart {broker}; then: kappa disk balance {broker}"
    ),
    "disk.add.top": "{path} is the top of a file system (it has lost+found), which Kafka cannot read; add a directory in it",
    "disk.add.foreign": "{path} belongs to server {node} of the cluster {cluster}, by its meta.properties",
    "disk.not_added": "{file} does not name {path}",
    "disk.no_file": "the context names no config_file for broker {broker}; add it to its host in clusters.toml",
    "disk.used": "{path} is a directory of broker {broker} already",
    "disk.rescue.title": "Bring broker {broker} back, whose disk has {mib} MiB left",
    "disk.rescue.effect": "topic {topic} ({mib} MiB on the disk): retention {before} -> {after}",
    "disk.rescue.warning": "records older than the new retention go on all brokers, for good",
    "disk.rescue.runs": "broker {broker} runs with all its directories; free space with: kappa disk free",
    "disk.rescue.offline": "broker {broker} runs without {paths}; it is stopped behind the gates of a restart first",
    "disk.rescue.nothing": "no topic that may be cut lies on the disk of broker {broker}",
    "disk.rescue.down": "broker {broker} is not back",
    "disk.trim.step": "take old segments of {count} topics off the disk of broker {broker}, and start it",
    "disk.trim.waiting": "waiting until the leaders have deleted old segments",
    "disk.trim.removed": "{mib} MiB of old segments are removed; the broker starts",
    "disk.trim.nothing": "the leaders have deleted nothing within {minutes} minutes; choose a shorter retention",
    "disk.trim.down": "broker {broker} does not come back; it logged: {log}",
    "disk.trim.final": "removed segments do not come back",
}

KOREAN = {
    "disk.rm_failed": "호스트 {node_id}: rm이 실패했습니다: {reason}",
    "disk.cannot_list": "호스트 {node_id}: {log_dirs} 목록을 볼 수 없습니다: {reason}",
    "disk.free.title": "토픽 {count}개의 보존 기간을 줄여 {mib} MiB 비우기",
    "disk.cut.effect": "토픽 {topic}: 보존 {before} -> {after}, {mib} MiB가 비고 {oldest} 이후 레코드가 남습니다",
    "disk.await.step": "{mib} MiB가 빌 때까지 기다립니다",
    "disk.await.progress": "{seconds}초 동안 {wanted} MiB 중 {freed} MiB가 비었습니다",
    "disk.too_little": "요청한 {target} MiB 가운데 {freed} MiB만 빕니다",
    "disk.estimate": "일부 크기는 오프셋으로 추정한 값입니다: 브로커는 세그먼트 단위로 지우므로 처음에는 덜 빌 수 있습니다",
    "disk.loser": "그룹 {group}이(가) 사라질 {topic}의 레코드 {records}개를 아직 읽지 않았습니다",
    "disk.no_broker": "브로커 {broker}이(가) 클러스터에 없거나 멈춰 있습니다",
    "disk.no_topic": "토픽 {topic}이(가) 없습니다",
    "disk.no_cut": "제안할 수 있는 보존 기간으로는 아무것도 비지 않습니다",
    "disk.no_harmless_cut": (
        "읽지 않은 레코드를 잃는 그룹 없이는 아무것도 비지 않습니다; 얼마나 늦었는지 보거나(kappa groups list)"
        " --allow-unread-loss로 손실을 받아들이세요"
    ),
    "disk.not_freed": "{minutes}분 동안 비워진 것이 없습니다; 브로커는 {check}마다 오래된 세그먼트를 찾습니다",
    "disk.balance.title": "브로커 {broker}의 디렉터리 고르게 하기",
    "disk.balance.effect": "{path}: {before} -> {after} MiB",
    "disk.move.step": "브로커 {broker}의 복제본 {count}개를 다른 디렉터리로 옮깁니다 ({mib} MiB)",
    "disk.move.progress": "복제본 {left}개를 아직 복사하고 있습니다",
    "disk.elsewhere": "{partition}이(가) {path}에 없습니다",
    "disk.stalled": "{minutes}분 동안 브로커 {broker}의 복제본이 도착하지 않았습니다; 디스크가 찼거나 제한되었나요?",
    "disk.one_directory": "브로커 {broker}에 쓸 수 있는 디렉터리가 하나뿐이라 고르게 할 것이 없습니다",
    "disk.moving": "브로커 {broker}의 복제본이 디렉터리 사이에서 옮겨지고 있습니다; 기다리세요",
    "disk.level": "브로커 {broker}의 디렉터리가 이미 고릅니다",
    "disk.add.title": "브로커 {broker}에 디렉터리 {path} 더하기",
    "disk.add.step": "브로커 {broker}의 {file}에서 log.dirs에 {path}을(를) 더합니다",
    "disk.add.effect": "브로커 {broker}: log.dirs {before} -> {after}",
    "disk.add.restart": (
        "다시 시작해야 브로커가 씁니다: kappa brokers restart {broker}; 그다음: kappa disk balance {broker}"
    ),
    "disk.add.top": "{path}은(는) 파일 시스템의 맨 위라(lost+found가 있음) Kafka가 읽지 못합니다; 그 안의 디렉터리를 더하세요",
    "disk.add.foreign": "{path}은(는) meta.properties에 따르면 클러스터 {cluster}의 서버 {node} 것입니다",
    "disk.not_added": "{file}에 {path}이(가) 없습니다",
    "disk.no_file": "컨텍스트에 브로커 {broker}의 config_file이 없습니다; clusters.toml의 호스트에 적으세요",
    "disk.used": "{path}은(는) 이미 브로커 {broker}의 디렉터리입니다",
    "disk.rescue.title": "디스크가 {mib} MiB 남은 브로커 {broker} 되살리기",
    "disk.rescue.effect": "토픽 {topic} (디스크에 {mib} MiB): 보존 {before} -> {after}",
    "disk.rescue.warning": "새 보존 기간보다 오래된 레코드는 모든 브로커에서 영원히 사라집니다",
    "disk.rescue.runs": "브로커 {broker}이(가) 모든 디렉터리와 함께 실행 중입니다; 공간 비우기: kappa disk free",
    "disk.rescue.offline": "브로커 {broker}이(가) {paths} 없이 실행 중입니다; 먼저 재시작과 같은 검사를 거쳐 멈춥니다",
    "disk.rescue.nothing": "브로커 {broker}의 디스크에 줄일 수 있는 토픽이 없습니다",
    "disk.rescue.down": "브로커 {broker}이(가) 돌아오지 않았습니다",
    "disk.trim.step": "브로커 {broker}의 디스크에서 토픽 {count}개의 오래된 세그먼트를 지우고 시작합니다",
    "disk.trim.waiting": "리더가 오래된 세그먼트를 지울 때까지 기다립니다",
    "disk.trim.removed": "오래된 세그먼트 {mib} MiB를 지웠습니다; 브로커를 시작합니다",
    "disk.trim.nothing": "{minutes}분 동안 리더가 지운 것이 없습니다; 더 짧은 보존 기간을 고르세요",
    "disk.trim.down": "브로커 {broker}이(가) 돌아오지 않습니다; 로그: {log}",
    "disk.trim.final": "지운 세그먼트는 돌아오지 않습니다",
}

register(ENGLISH, KOREAN)
