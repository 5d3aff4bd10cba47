"""Texts of `kappa streams`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "streams.target": "the topology: package.module:name or path/file.py:name (a Topology, a builder or a function)",
    "streams.application_id": "id of the application: its group, and the prefix of its internal topics",
    "streams.bootstrap": "addresses of Kafka brokers (default: 127.0.0.1:9092)",
    "streams.no_module": (
        "There is no Python module {place}. Name it as package.module:name, or a file as file.py:name."
    ),
    "streams.no_file": "There is no file {place}.",
    "streams.no_name": "{place} has no {name}. Name the topology after a colon, as in {place}:topology.",
    "streams.no_topology": (
        "{target} is a {kind}; wanted is a Topology, a StreamsBuilder or a function that gives one."
    ),
    "streams.import_failed": "{target} failed at {where}: {why}",
    "streams_describe.json": "print what outlives a run, as JSON: sources, stores, internal topics (for plan-diff)",
    "streams_run.state_dir": "directory for state; the next run goes on from it (default: .kappa-streams)",
    "streams_run.threads": "number of stream threads (default: 1)",
    "streams_run.guarantee": "processing guarantee (default: at_least_once)",
    "streams_run.commit_interval": "milliseconds between commits (default: 30000, with exactly_once_v2 100)",
    "streams_run.from": "where topics without committed offsets begin (default: earliest)",
    "streams_run.replicas": "replication factor of internal topics (default: the brokers' own)",
    "streams_run.property": "a setting by Kafka Streams' name, such as max.task.idle.ms=100; may be repeated",
    "streams_run.bad_property": "A property is name=value, not {given}.",
    "streams_run.bad_threads": "--threads must be at least 1, not {threads}.",
    "streams_run.ready": "{application} is running. Ctrl-C stops it.",
    "streams_run.stopped": "{application} has committed and stopped.",
    "streams_run.failed": "{application} failed: {why}",
    "streams_reset.inputs": "input topics to read again, comma-separated",
    "streams_reset.intermediate": "topics that the application writes and reads itself; they go to their ends",
    "streams_reset.earliest": "input topics go to their first records (default)",
    "streams_reset.latest": "input topics go to their ends",
    "streams_reset.offset": "input topics go to this offset",
    "streams_reset.datetime": (
        "input topics go to the first record of this time or later, such as 2026-01-31T09:00:00"
    ),
    "streams_reset.duration": "input topics go back by this time from now, such as P1DT2H",
    "streams_reset.shift": "input topics move by this number of records, back where it is negative",
    "streams_reset.force": "take members out of the group that have stopped without leaving it",
    "streams_reset.remove": "member {member} on {host}: taken out of the group",
    "streams_reset.dry_run": "only show what would change",
    "streams_reset.json": "print the plan as JSON",
    "streams_reset.change": "{partition}: offset {before} -> {after}",
    "streams_reset.delete": "{topic}: deleted with all its records",
    "streams_reset.nothing": "{application} has no internal topics, and no input topics were named: nothing to do.",
    "streams_reset.not_done": "Nothing was changed (--dry-run).",
    "streams_reset.done": "{application} begins anew at its next start. State on its machines is rebuilt then.",
    "streams_plan_diff.old": "the topology that ran: a target, or a file written by kappa streams describe --json",
    "streams_plan_diff.new": "the topology that is to run: a target or such a file",
    "streams_plan_diff.json": "print the findings as JSON",
    "streams_plan_diff.unreadable": "{path} cannot be read as what kappa streams describe --json writes: {why}",
    "streams_plan_diff.same": "Topics and state stay as they are.",
    "streams_plan_diff.changed": (
        "Nothing is lost. Mind the lines above; stop all instances before the new ones start."
    ),
    "streams_plan_diff.unsafe": (
        "State or records would be lost. Give stores and groupings the old names, let repartition topics run "
        "empty, or begin anew with kappa streams reset."
    ),
    "streams_risk.unsafe": "UNSAFE",
    "streams_risk.care": "care  ",
    "streams_risk.none": "ok    ",
    "streams_change.store_renumbered": (
        "store {was} is now {now}: the new one begins empty. Name it, to keep it when the program changes; to take "
        "the old one over, give it the name {was}."
    ),
    "streams_change.store_gone": "store {name} is no longer used; its changelog topic is left behind.",
    "streams_change.store_added": (
        "store {name} is new and begins empty; input that is already committed does not get into it."
    ),
    "streams_change.store_kind": "store {name} was a {was} store and is a {now} store: its changelog cannot be read.",
    "streams_change.store_serdes": "store {name} was written with {was} and is read with {now}.",
    "streams_change.store_changelog": "store {name} was restored from {was}, and now from {now}.",
    "streams_change.store_retention": (
        "store {name} keeps {now} ms instead of {was}; the changelog topic keeps its setting."
    ),
    "streams_change.store_moved": (
        "store {name} moves from subtopology {was} to {now}: it is restored from its changelog. Old and new "
        "instances must not run together."
    ),
    "streams_change.repartition_renumbered": (
        "repartition topic {was} is now {now}: records that are still in the old one are lost."
    ),
    "streams_change.repartition_gone": (
        "repartition topic {name} is no longer read: records that are still in it are lost."
    ),
    "streams_change.repartition_added": "repartition topic {name} is new.",
    "streams_change.repartition_partitions": (
        "repartition topic {name} had {was} partitions and is to have {now}: the application does not start until "
        "the topic is deleted."
    ),
    "streams_change.source_gone": "topic {name} is no longer read; its committed offsets will expire.",
    "streams_change.source_moved": (
        "topic {name} was read by subtopology {was} and is read by {now}: old and new instances must not run together."
    ),
    "streams_change.source_added": "topic {name} is read from where auto.offset.reset says.",
}
KOREAN = {
    "streams.target": "토폴로지: package.module:name 또는 path/file.py:name (Topology, 빌더, 또는 함수)",
    "streams.application_id": "애플리케이션 ID: 그룹 이름이자 내부 토픽의 접두사",
    "streams.bootstrap": "Kafka 브로커 주소 (기본값: 127.0.0.1:9092)",
    "streams.no_module": "Python 모듈 {place}이(가) 없습니다. package.module:name 또는 file.py:name으로 적어 주세요.",
    "streams.no_file": "{place} 파일이 없습니다.",
    "streams.no_name": "{place}에 {name}이(가) 없습니다. {place}:topology처럼 콜론 뒤에 이름을 적어 주세요.",
    "streams.no_topology": (
        "{target}은(는) {kind}입니다. Topology, StreamsBuilder, 또는 이를 돌려주는 함수여야 합니다."
    ),
    "streams.import_failed": "{target}: {where}에서 실패했습니다: {why}",
    "streams_describe.json": "실행 뒤에도 남는 것(소스, 저장소, 내부 토픽)을 JSON으로 출력합니다 (plan-diff용)",
    "streams_run.state_dir": "상태를 둘 디렉터리. 다음 실행은 여기서 이어집니다 (기본값: .kappa-streams)",
    "streams_run.threads": "스트림 스레드 수 (기본값: 1)",
    "streams_run.guarantee": "처리 보장 (기본값: at_least_once)",
    "streams_run.commit_interval": "커밋 간격, 밀리초 (기본값: 30000, exactly_once_v2는 100)",
    "streams_run.from": "커밋된 오프셋이 없는 토픽의 시작 위치 (기본값: earliest)",
    "streams_run.replicas": "내부 토픽의 복제 수 (기본값: 브로커의 기본값)",
    "streams_run.property": "Kafka Streams 이름으로 된 설정, 예: max.task.idle.ms=100; 여러 번 쓸 수 있음",
    "streams_run.bad_property": "속성은 이름=값 형식입니다: {given}",
    "streams_run.bad_threads": "--threads 값은 1 이상이어야 합니다: {threads}",
    "streams_run.ready": "{application} 실행 중입니다. Ctrl-C로 멈춥니다.",
    "streams_run.stopped": "{application}: 커밋하고 멈췄습니다.",
    "streams_run.failed": "{application} 실패: {why}",
    "streams_reset.inputs": "다시 읽을 입력 토픽, 쉼표로 구분",
    "streams_reset.intermediate": "애플리케이션이 직접 쓰고 읽는 토픽. 끝으로 옮깁니다",
    "streams_reset.earliest": "입력 토픽을 첫 레코드로 옮깁니다 (기본값)",
    "streams_reset.latest": "입력 토픽을 끝으로 옮깁니다",
    "streams_reset.offset": "입력 토픽을 이 오프셋으로 옮깁니다",
    "streams_reset.datetime": "이 시각 이후의 첫 레코드로 옮깁니다. 예: 2026-01-31T09:00:00",
    "streams_reset.duration": "지금부터 이 시간만큼 되돌립니다. 예: P1DT2H",
    "streams_reset.shift": "이 레코드 수만큼 옮깁니다. 음수면 되돌립니다",
    "streams_reset.force": "떠나지 않고 멈춘 구성원을 그룹에서 내보냅니다",
    "streams_reset.remove": "{host}의 구성원 {member}: 그룹에서 내보냄",
    "streams_reset.dry_run": "바뀔 내용만 보여 줍니다",
    "streams_reset.json": "계획을 JSON으로 출력합니다",
    "streams_reset.change": "{partition}: 오프셋 {before} -> {after}",
    "streams_reset.delete": "{topic}: 모든 레코드와 함께 삭제",
    "streams_reset.nothing": "{application}: 내부 토픽이 없고 입력 토픽도 지정하지 않아 할 일이 없습니다.",
    "streams_reset.not_done": "아무것도 바꾸지 않았습니다 (--dry-run).",
    "streams_reset.done": (
        "{application}: 다음에 시작할 때 처음부터 시작합니다. 각 컴퓨터의 상태는 그때 다시 만듭니다."
    ),
    "streams_plan_diff.old": "지금까지 실행한 토폴로지, 또는 kappa streams describe --json으로 쓴 파일",
    "streams_plan_diff.new": "새로 실행할 토폴로지, 또는 그런 파일",
    "streams_plan_diff.json": "결과를 JSON으로 출력합니다",
    "streams_plan_diff.unreadable": "{path} 파일은 kappa streams describe --json의 출력으로 읽을 수 없습니다: {why}",
    "streams_plan_diff.same": "토픽과 상태가 그대로입니다.",
    "streams_plan_diff.changed": (
        "잃는 것은 없습니다. 위의 내용을 확인하고, 새 인스턴스 전에 기존 인스턴스를 모두 멈추세요."
    ),
    "streams_plan_diff.unsafe": (
        "상태나 레코드를 잃습니다. 저장소와 그룹에 예전 이름을 주거나, 재분배 토픽을 비우거나, kappa streams "
        "reset으로 처음부터 시작하세요."
    ),
    "streams_risk.unsafe": "위험",
    "streams_risk.care": "주의",
    "streams_risk.none": "정상",
    "streams_change.store_renumbered": (
        "저장소 {was}이(가) {now}(으)로 바뀝니다: 새 저장소는 비어 있습니다. 이름을 지어 주면 프로그램이 바뀌어도 "
        "유지됩니다. 기존 것을 이어받으려면 이름을 {was}(으)로 하세요."
    ),
    "streams_change.store_gone": "저장소 {name}을(를) 더는 쓰지 않습니다. 변경 로그 토픽은 남습니다.",
    "streams_change.store_added": "저장소 {name}은(는) 새것이라 비어 있습니다. 이미 커밋된 입력은 들어가지 않습니다.",
    "streams_change.store_kind": (
        "저장소 {name}의 종류가 {was}에서 {now}(으)로 바뀝니다: 변경 로그를 읽을 수 없습니다."
    ),
    "streams_change.store_serdes": "저장소 {name}은(는) {was}(으)로 썼는데 {now}(으)로 읽습니다.",
    "streams_change.store_changelog": "저장소 {name}의 복원 토픽이 {was}에서 {now}(으)로 바뀝니다.",
    "streams_change.store_retention": (
        "저장소 {name}의 보존 시간이 {was}에서 {now} ms로 바뀝니다. 변경 로그 토픽의 설정은 그대로입니다."
    ),
    "streams_change.store_moved": (
        "저장소 {name}이(가) 서브토폴로지 {was}에서 {now}(으)로 옮겨집니다: 변경 로그에서 복원합니다. 기존 "
        "인스턴스와 새 인스턴스를 함께 실행하면 안 됩니다."
    ),
    "streams_change.repartition_renumbered": (
        "재분배 토픽 {was}이(가) {now}(으)로 바뀝니다: 예전 토픽에 남은 레코드를 잃습니다."
    ),
    "streams_change.repartition_gone": "재분배 토픽 {name}을(를) 더는 읽지 않습니다: 남은 레코드를 잃습니다.",
    "streams_change.repartition_added": "재분배 토픽 {name}이(가) 새로 생깁니다.",
    "streams_change.repartition_partitions": (
        "재분배 토픽 {name}의 파티션이 {was}에서 {now}(으)로 바뀝니다: 토픽을 지울 때까지 시작하지 않습니다."
    ),
    "streams_change.source_gone": "토픽 {name}을(를) 더는 읽지 않습니다. 커밋된 오프셋은 만료됩니다.",
    "streams_change.source_moved": (
        "토픽 {name}을(를) 읽는 서브토폴로지가 {was}에서 {now}(으)로 바뀝니다: 기존 인스턴스와 새 인스턴스를 함께 "
        "실행하면 안 됩니다."
    ),
    "streams_change.source_added": "토픽 {name}은(는) auto.offset.reset이 정하는 위치부터 읽습니다.",
}
register(ENGLISH, KOREAN)
