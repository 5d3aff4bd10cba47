"""Texts about brokers and rolling work."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "node.link_failed": "{node}: cannot point {link} at {target}: {reason}",
    "broker.never_safe": (
        "topic {topic} has {replicas} replicas and min.insync.replicas {min_in_sync}:"
        " with one of its brokers away it cannot be written at acks=all"
    ),
    "broker.refused": (
        "{reasons}. Give these topics more replicas or a lower min.insync.replicas, or accept that with --force."
    ),
    "broker.accepted": "topic {topic} cannot be written at acks=all while one of its brokers is away",
    "broker.wait.offline": "waits: partition {topic}-{partition} has no leader",
    "broker.wait.under_replicated": "waits: partition {topic}-{partition} is not in sync on broker {missing}",
    "broker.wait.min_in_sync": (
        "waits: partition {topic}-{partition} would have {left} in-sync replicas without broker {broker},"
        " {wanted} are needed"
    ),
    "broker.wait.no_quorum_leader": "waits: the metadata quorum has no leader",
    "broker.wait.quorum": (
        "waits: without controller {node} {left} controllers are left of the {majority} that make a majority"
        " (behind: {behind})"
    ),
    "broker.wait.ensemble": (
        "waits: without ZooKeeper server {server} {left} ZooKeeper servers are left of the {majority} that make a majority"
        " (silent: {silent})"
    ),
    "broker.wait.unknown": "waits: the cluster gives no answer ({reason})",
    "broker.wait.more": "... and {count} more reasons",
    "broker.wait.join": "waits for {role} {node} to join its cluster",
    "broker.wait.behind": "waits: broker {broker} is not in sync on {count} partitions, {first} among them",
    "broker.behind": "broker {broker} is still not in sync on {partitions}",
    "broker.gate.shut": "{role} {node} could not be stopped safely within {seconds} s: {reasons}",
    "broker.ended": "{role} {node} ended while starting; its log ends with: {log}",
    "broker.not_joined": "{role} {node} did not join its cluster within {seconds} s; its log ends with: {log}",
    "broker.order_changed": "preferred orders of partitions of broker {broker} are not as they were",
    "broker.drain.step": "let other replicas lead what broker {broker} leads ({count} partitions)",
    "broker.drain.left": "broker {broker} leads {partitions} still",
    "broker.settle.step": "wait until broker {broker} is in sync and let it lead again ({count} partitions)",
    "broker.no_host": (
        "the context of cluster {cluster} names no host for {nodes}; add them to hosts in clusters.toml with node_id,"
        " roles, adapter, address, service and config_file"
    ),
    "broker.restart.title": "Restart one by one: {nodes}",
    "broker.restart.gates": (
        "each server waits until no partition is under-replicated or offline and every partition stays at its"
        " min.insync.replicas without it; the active controller is last"
    ),
    "broker.maintain.title": "Maintenance of {nodes}",
    "broker.maintain.hold": "broker {node} stays stopped until its service runs again",
    "broker.decommission.title": "Take broker {broker} out of the cluster for good",
    "broker.decommission.files": "the files of broker {broker} stay on its machine; delete them when nobody wants them back",
    "broker.decommission.unknown": "no broker {broker} is known here",
    "broker.decommission.voter": (
        "{broker} is a voter of the metadata quorum; take it out first: kappa quorum remove {broker}"
    ),
    "broker.await_gone.step": "wait until broker {broker} is stopped",
    "broker.stop_it": "stop broker {broker} on its machine now; nothing is on it any more",
    "broker.start_it": "start broker {broker} on its machine now",
    "broker.unregister.step": "let the cluster forget broker {broker}",
    "broker.still_alive": "broker {broker} is alive",
    "broker.still_holds": "{count} partitions have a replica on broker {broker}, {first} among them",
    "broker.start.title": "Start {nodes}",
    "broker.rollout.title": "Change {keys} (restarts: {nodes})",
    "broker.unknown_options": (
        "the brokers know no option {keys}; check the spelling, or give --unknown where a plugin reads it"
    ),
    "broker.mode.cluster-wide": "{key} is dynamic for the whole cluster: no restart",
    "broker.mode.per-broker": "{key} is dynamic for each broker: no restart",
    "broker.mode.read-only": "{key} is read at the start only: rolling restart",
    "node.stop.step": "stop {node} once it may go",
    "node.stop_together.step": "stop {nodes} together",
    "node.start.step": "start {node} and wait until it is in sync",
    "node.hold.step": "hold while the machine of {node} is worked on",
    "node.held": (
        "{node} is stopped: do the work now. This goes on when its service runs again (kappa brokers start {id},"
        " or the machine's own start)"
    ),
    "node.not_serving": "{node} does not serve",
    "node.properties.step": "write the properties of {node}: {changes}",
    "node.properties.other": "the properties file of {node} has other values",
    "node.properties.no_before": "what stood in the properties file of {node} before is not known",
    "node.no_config_file": "the context names no config_file of {node}",
    "node.software.step": "point the software of {node} at {target}",
    "node.software.missing": "on the machine of {node} there is no {target}; install it there first",
    "node.software.other": "the software of {node} is {target}",
    "node.software.no_before": "what software {node} had before is not known",
}

KOREAN = {
    "node.link_failed": "{node}: {link}을(를) {target}(으)로 가리키게 할 수 없습니다: {reason}",
    "broker.never_safe": (
        "토픽 {topic}은(는) 복제본이 {replicas}개, min.insync.replicas가 {min_in_sync}입니다:"
        " 브로커 하나가 빠지면 acks=all로 쓸 수 없습니다"
    ),
    "broker.refused": (
        "{reasons}. 이 토픽의 복제본을 늘리거나 min.insync.replicas를 낮추거나, --force로 받아들이십시오."
    ),
    "broker.accepted": "토픽 {topic}은(는) 브로커 하나가 빠져 있는 동안 acks=all로 쓸 수 없습니다",
    "broker.wait.offline": "대기: 파티션 {topic}-{partition}에 리더가 없습니다",
    "broker.wait.under_replicated": "대기: 파티션 {topic}-{partition}이(가) 브로커 {missing}에서 동기화되지 않았습니다",
    "broker.wait.min_in_sync": (
        "대기: 브로커 {broker}이(가) 빠지면 파티션 {topic}-{partition}의 동기화된 복제본이 {left}개 남습니다."
        " {wanted}개가 필요합니다"
    ),
    "broker.wait.no_quorum_leader": "대기: 메타데이터 쿼럼에 리더가 없습니다",
    "broker.wait.quorum": (
        "대기: 컨트롤러 {node}이(가) 빠지면 컨트롤러 {left}대가 남습니다. 과반은 {majority}대입니다 (뒤처짐: {behind})"
    ),
    "broker.wait.ensemble": (
        "대기: ZooKeeper 서버 {server}이(가) 빠지면 ZooKeeper 서버 {left}대가 남습니다. 과반은 {majority}대입니다 (응답 없음: {silent})"
    ),
    "broker.wait.unknown": "대기: 클러스터가 응답하지 않습니다 ({reason})",
    "broker.wait.more": "... 그 밖에 이유 {count}가지",
    "broker.wait.join": "{role} {node}이(가) 클러스터에 들어오기를 기다립니다",
    "broker.wait.behind": "대기: 브로커 {broker}이(가) {first} 등 파티션 {count}개에서 동기화되지 않았습니다",
    "broker.behind": "브로커 {broker}이(가) 아직 {partitions}에서 동기화되지 않았습니다",
    "broker.gate.shut": "{role} {node}을(를) {seconds}초 안에 안전하게 멈출 수 없었습니다: {reasons}",
    "broker.ended": "{role} {node}이(가) 시작하다 끝났습니다. 로그의 끝: {log}",
    "broker.not_joined": "{role} {node}이(가) {seconds}초 안에 클러스터에 들어오지 않았습니다. 로그의 끝: {log}",
    "broker.order_changed": "브로커 {broker}의 파티션 우선 순서가 전과 다릅니다",
    "broker.drain.step": "브로커 {broker}이(가) 이끄는 파티션({count}개)을 다른 복제본이 이끌게 합니다",
    "broker.drain.left": "브로커 {broker}이(가) 아직 {partitions}을(를) 이끕니다",
    "broker.settle.step": "브로커 {broker}이(가) 동기화될 때까지 기다렸다가 다시 이끌게 합니다 ({count}개)",
    "broker.no_host": (
        "클러스터 {cluster}의 컨텍스트에 {nodes}의 호스트가 없습니다. clusters.toml의 hosts에 node_id, roles, adapter,"
        " address, service, config_file을 적으십시오"
    ),
    "broker.restart.title": "하나씩 다시 시작: {nodes}",
    "broker.restart.gates": (
        "각 서버는 복제가 모자라거나 리더 없는 파티션이 없고, 자기가 빠져도 모든 파티션이 min.insync.replicas를 지킬"
        " 때까지 기다립니다. 활성 컨트롤러가 마지막입니다"
    ),
    "broker.maintain.title": "{nodes} 점검",
    "broker.maintain.hold": "브로커 {node}은(는) 서비스가 다시 돌 때까지 멈춰 있습니다",
    "broker.decommission.title": "브로커 {broker}을(를) 클러스터에서 영구히 빼기",
    "broker.decommission.files": "브로커 {broker}의 파일은 그 기계에 남습니다; 아무도 필요로 하지 않을 때 지우십시오",
    "broker.decommission.unknown": "브로커 {broker}은(는) 여기서 알려져 있지 않습니다",
    "broker.decommission.voter": (
        "{broker}은(는) 메타데이터 쿼럼의 투표자입니다; 먼저 빼십시오: kappa quorum remove {broker}"
    ),
    "broker.await_gone.step": "브로커 {broker}이(가) 멈출 때까지 기다립니다",
    "broker.stop_it": "이제 그 기계에서 브로커 {broker}을(를) 멈추십시오; 그 위에는 이제 아무것도 없습니다",
    "broker.start_it": "이제 그 기계에서 브로커 {broker}을(를) 시작하십시오",
    "broker.unregister.step": "클러스터가 브로커 {broker}을(를) 잊게 합니다",
    "broker.still_alive": "브로커 {broker}이(가) 살아 있습니다",
    "broker.still_holds": "{first}을(를) 비롯한 파티션 {count}개의 복제본이 브로커 {broker}에 있습니다",
    "broker.start.title": "{nodes} 시작",
    "broker.rollout.title": "{keys} 바꾸기 (다시 시작: {nodes})",
    "broker.unknown_options": (
        "브로커가 모르는 옵션입니다: {keys}. 철자를 확인하거나, 플러그인이 읽는 옵션이면 --unknown을 주십시오"
    ),
    "broker.mode.cluster-wide": "{key}은(는) 클러스터 전체에 동적으로 적용됩니다: 다시 시작하지 않습니다",
    "broker.mode.per-broker": "{key}은(는) 브로커마다 동적으로 적용됩니다: 다시 시작하지 않습니다",
    "broker.mode.read-only": "{key}은(는) 시작할 때만 읽습니다: 하나씩 다시 시작합니다",
    "node.stop.step": "빠져도 될 때 {node}을(를) 멈춥니다",
    "node.stop_together.step": "{nodes}을(를) 함께 멈춥니다",
    "node.start.step": "{node}을(를) 시작하고 동기화될 때까지 기다립니다",
    "node.hold.step": "{node}의 기계를 작업하는 동안 기다립니다",
    "node.held": (
        "{node}이(가) 멈췄습니다: 지금 작업하십시오. 서비스가 다시 돌면 이어집니다 (kappa brokers start {id},"
        " 또는 기계의 자동 시작)"
    ),
    "node.not_serving": "{node}이(가) 동작하지 않습니다",
    "node.properties.step": "{node}의 속성을 씁니다: {changes}",
    "node.properties.other": "{node}의 속성 파일 값이 다릅니다",
    "node.properties.no_before": "{node}의 속성 파일에 전에 무엇이 있었는지 알 수 없습니다",
    "node.no_config_file": "컨텍스트에 {node}의 config_file이 없습니다",
    "node.software.step": "{node}의 소프트웨어를 {target}으로 바꿉니다",
    "node.software.missing": "{node}의 기계에 {target}이(가) 없습니다. 먼저 그곳에 설치하십시오",
    "node.software.other": "{node}의 소프트웨어는 {target}입니다",
    "node.software.no_before": "{node}의 소프트웨어가 전에 무엇이었는지 알 수 없습니다",
}

register(ENGLISH, KOREAN)
