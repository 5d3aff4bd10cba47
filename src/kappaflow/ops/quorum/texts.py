"""Texts about the metadata quorum of KRaft."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "quorum.no_kraft": "cluster {cluster} has no KRaft: ZooKeeper keeps its metadata; ask kappa zookeeper status",
    "quorum.no_hosts": "cluster {cluster} names no hosts with the role controller in clusters.toml",
    "quorum.no_host": "there is no host with the role controller and node_id {node} in clusters.toml",
    "quorum.no_file": "the properties file of controller {node} is not there: {file}; name it as config_file in clusters.toml",
    "quorum.no_listener": (
        "{file} of controller {node} does not say where the others reach it: it needs controller.listener.names, and a"
        " listener of that name with its address in listeners or advertised.listeners"
    ),
    "quorum.other_node": "{file} is of node {named}, not of controller {node}",
    "quorum.member": "controller {node} is a voter already",
    "quorum.no_member": "controller {node} is no voter",
    "quorum.all": "no voter would stay",
    "quorum.auto_join": (
        "controller {node} would make itself a voter again: set controller.quorum.auto.join.enable=false in {file} and"
        " restart it first"
    ),
    "quorum.static": (
        "the voters are fixed in controller.quorum.voters of every server: changing them at run time needs Kafka 3.9 and"
        " feature kraft.version 1"
    ),
    "quorum.heal_first": "the quorum has no majority, heal it first: {problems}",
    "quorum.behind": "voter {node} does not follow: {lag} records behind",
    "quorum.no_leader": "there is no leader: an election is under way",
    "quorum.unled": (
        "nobody leads the metadata quorum: fewer than a majority of its voters run, or they do not reach each other."
        " Controllers: {processes}. Start those that are down; one that is lost needs the others to be a majority before"
        " it can be removed ({reason})"
    ),
    "quorum.no_quorum": "{serving} of {voters} voters follow; {quorum} are needed: there is no majority",
    "quorum.even": "{voters} voters bear no more losses than {fewer}: take an odd number",
    "quorum.last": "{serving} voters follow, {quorum} are needed: the next loss stops everything",
    "quorum.arithmetic": "{voters} voters: majority {quorum}, {lose} may be lost",
    "quorum.gate": (
        "without controller {node} there are {rest} voters, {fresh} of which follow, and {quorum} are needed; behind:"
        " {behind}"
    ),
    "quorum.bootstrap": "write the new list into controller.quorum.bootstrap.servers of all servers, too: kappa brokers rollout",
    "quorum.stays": "the processes of {nodes} run on, as observers",
    "quorum.add.title": "Raise the metadata quorum from {before} to {after} voters",
    "quorum.remove.title": "Take controllers {nodes} out of the metadata quorum; {after} voters stay",
    "quorum.start.step": "start controller {node} where it does not run, and let it catch up",
    "quorum.add.step": "make controller {node} a voter",
    "quorum.remove.step": "take controller {node} out of the voters",
    "quorum.stop.step": "stop controller {node}",
    "quorum.progress": "controller {node} ({role}) is {lag} records behind",
    "quorum.progress.unseen": "controller {node} does not read along yet",
    "quorum.progress.adding": "controller {node} becomes a voter",
    "quorum.progress.removing": "controller {node} leaves the voters",
    "quorum.not_joined": (
        "controller {node} does not read along. Nothing else was touched; mend it and resume the plan, or undo it. New"
        " storage has to be formatted once: kafka-storage.sh format -t {cluster_id} -c {file} --no-initial-controllers."
        " It logged: {log}"
    ),
    "quorum.not_voting": "controller {node} is no voter that follows after two minutes; resume the plan, or undo it",
    "quorum.still_voting": "controller {node} still is a voter, or there is no leader to ask; resume the plan, or undo it",
    "quorum.still_runs": "controller {node} still runs",
    "quorum.away": "controller {node} does not run, or does not follow",
}

KOREAN = {
    "quorum.no_kraft": "클러스터 {cluster}은(는) KRaft가 아니라 ZooKeeper가 메타데이터를 보관합니다; kappa zookeeper status를 쓰세요",
    "quorum.no_hosts": "clusters.toml의 클러스터 {cluster}에 controller 역할의 호스트가 없습니다",
    "quorum.no_host": "clusters.toml에 controller 역할의 node_id {node} 호스트가 없습니다",
    "quorum.no_file": "컨트롤러 {node}의 설정 파일이 없습니다: {file}; clusters.toml에 config_file로 적으세요",
    "quorum.no_listener": (
        "컨트롤러 {node}의 {file}에 다른 서버가 접속할 주소가 없습니다: controller.listener.names와, 그 이름의 리스너 주소가"
        " listeners나 advertised.listeners에 필요합니다"
    ),
    "quorum.other_node": "{file}은(는) 컨트롤러 {node}이(가) 아니라 노드 {named}의 파일입니다",
    "quorum.member": "컨트롤러 {node}은(는) 이미 투표자입니다",
    "quorum.no_member": "컨트롤러 {node}은(는) 투표자가 아닙니다",
    "quorum.all": "남는 투표자가 없습니다",
    "quorum.auto_join": (
        "컨트롤러 {node}은(는) 스스로 다시 투표자가 됩니다: 먼저 {file}에 controller.quorum.auto.join.enable=false를 적고 다시"
        " 시작하세요"
    ),
    "quorum.static": (
        "투표자가 모든 서버의 controller.quorum.voters에 고정되어 있습니다: 실행 중에 바꾸려면 Kafka 3.9와 kraft.version 1이"
        " 필요합니다"
    ),
    "quorum.heal_first": "쿼럼에 과반수가 없습니다. 먼저 고치세요: {problems}",
    "quorum.behind": "투표자 {node}이(가) 따르지 않습니다: 레코드 {lag}개 뒤처짐",
    "quorum.no_leader": "리더가 없습니다: 선출이 진행 중입니다",
    "quorum.unled": (
        "메타데이터 쿼럼에 리더가 없습니다: 투표자가 과반수보다 적게 실행 중이거나 서로 접속하지 못합니다. 컨트롤러: {processes}."
        " 멈춘 것을 시작하세요; 잃은 컨트롤러는 나머지가 과반수여야 뺄 수 있습니다 ({reason})"
    ),
    "quorum.no_quorum": "투표자 {voters}대 가운데 {serving}대가 따르고 {quorum}대가 필요합니다: 과반수가 없습니다",
    "quorum.even": "투표자 {voters}대는 {fewer}대보다 더 견디지 못합니다: 홀수로 하세요",
    "quorum.last": "{serving}대가 따르고 {quorum}대가 필요합니다: 하나만 더 잃으면 모두 멈춥니다",
    "quorum.arithmetic": "투표자 {voters}대: 과반수 {quorum}, {lose}대까지 잃어도 됩니다",
    "quorum.gate": (
        "컨트롤러 {node} 없이는 투표자 {rest}대 중 {fresh}대가 따르고 {quorum}대가 필요합니다; 뒤처진 투표자: {behind}"
    ),
    "quorum.bootstrap": "모든 서버의 controller.quorum.bootstrap.servers에도 새 목록을 적으세요: kappa brokers rollout",
    "quorum.stays": "{nodes}의 프로세스는 관찰자로 계속 실행됩니다",
    "quorum.add.title": "메타데이터 쿼럼을 투표자 {before}대에서 {after}대로 늘리기",
    "quorum.remove.title": "메타데이터 쿼럼에서 컨트롤러 {nodes} 빼기; 투표자 {after}대가 남습니다",
    "quorum.start.step": "실행되지 않은 컨트롤러 {node}을(를) 시작하고 따라잡게 합니다",
    "quorum.add.step": "컨트롤러 {node}을(를) 투표자로 만듭니다",
    "quorum.remove.step": "컨트롤러 {node}을(를) 투표자에서 뺍니다",
    "quorum.stop.step": "컨트롤러 {node}을(를) 멈춥니다",
    "quorum.progress": "컨트롤러 {node}({role})이(가) 레코드 {lag}개 뒤처져 있습니다",
    "quorum.progress.unseen": "컨트롤러 {node}이(가) 아직 읽지 않습니다",
    "quorum.progress.adding": "컨트롤러 {node}이(가) 투표자가 됩니다",
    "quorum.progress.removing": "컨트롤러 {node}이(가) 투표자에서 빠집니다",
    "quorum.not_joined": (
        "컨트롤러 {node}이(가) 따라 읽지 않습니다. 다른 것은 건드리지 않았습니다; 고친 뒤 이어서 실행하거나 되돌리세요. 새 저장소는"
        " 한 번 포맷해야 합니다: kafka-storage.sh format -t {cluster_id} -c {file} --no-initial-controllers. 로그: {log}"
    ),
    "quorum.not_voting": "컨트롤러 {node}이(가) 2분이 지나도 따르는 투표자가 아닙니다; 이어서 실행하거나 되돌리세요",
    "quorum.still_voting": "컨트롤러 {node}이(가) 아직 투표자이거나, 물어볼 리더가 없습니다; 이어서 실행하거나 되돌리세요",
    "quorum.still_runs": "컨트롤러 {node}이(가) 아직 실행 중입니다",
    "quorum.away": "컨트롤러 {node}이(가) 실행되지 않거나 따르지 않습니다",
}

register(ENGLISH, KOREAN)
