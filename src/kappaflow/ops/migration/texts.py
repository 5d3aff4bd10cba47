"""Texts about the migration from ZooKeeper to KRaft."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "migration.rm_failed": "host {node_id}: rm failed: {reason}",
    "migration.title": "Migrate {cluster} from ZooKeeper to KRaft: to the phase {phase}",
    "migration.effect.controllers": "KRaft's controllers {nodes} start and connect to ZooKeeper",
    "migration.effect.dual": (
        "each broker learns of them by a restart; then they copy all metadata, lead, and write every change to ZooKeeper"
        " as well"
    ),
    "migration.effect.kraft": "each broker becomes one of KRaft's by a restart; ZooKeeper is still written",
    "migration.effect.final": "the controllers no longer know ZooKeeper; its servers can be switched off then",
    "migration.effect.context": "take zookeeper out of [clusters.{cluster}] in clusters.toml afterwards",
    "migration.no_way_back": "there is no way back to ZooKeeper after this; let the phase before run for some days",
    "migration.await.step": "wait until KRaft's controllers lead and have copied all metadata",
    "migration.metadata.step": "nothing now; on the way back {node} forgets KRaft's metadata log",
    "migration.waiting": "waiting until KRaft's controllers have copied the metadata",
    "migration.waiting_back": "waiting until a broker leads again",
    "migration.no_takeover": "KRaft's controllers did not take over within {minutes} minutes; one of them logged: {log}",
    "migration.not_leading": "KRaft's controllers do not lead",
    "migration.later_first": "broker {broker} runs with KRaft; take the plan back that did that first",
    "migration.nobody_leads": "no broker has become the controller; look at /controller in ZooKeeper and at brokers' logs",
    "migration.no_zookeeper": "cluster {cluster} names no ZooKeeper servers",
    "migration.unreachable": "ZooKeeper at {servers} does not answer: {reason}",
    "migration.no_file": "the context names no properties file of server {node}",
    "migration.no_hosts": "cluster {cluster} names no machines; a migration changes the files of all servers",
    "migration.done": "the migration is finished; ZooKeeper is no longer used",
    "migration.not_next": "the cluster is in the phase {now}; the next one is {following}",
    "migration.no_controllers": (
        "name machines with the role controller in clusters.toml: three, which are no brokers, with properties files and"
        " formatted storage"
    ),
    "migration.moving": "partitions are being moved; wait until that is done: kappa reassign status",
    "migration.brokers": "brokers and machines differ: {brokers}; every broker has to be alive and named",
    "migration.same_id": "{node} is the id of a broker; a controller needs another one",
    "migration.version": "broker {broker} runs {version}; upgrade to 3.9 first: kappa cluster upgrade --to 3.9.2",
    "migration.protocol": "broker {broker} speaks {protocol}; finish the upgrade first, so that it speaks 3.9",
    "migration.controller_file": (
        "the file of controller {node} lacks {key}, or process.roles is not controller: it needs node.id, listeners,"
        " controller.listener.names and controller.quorum.voters"
    ),
    "migration.format": (
        "the storage of controller {node} is not formatted for this cluster; on its machine:"
        " kafka-storage.sh format --cluster-id {cluster_id} --config {file}"
    ),
}

KOREAN = {
    "migration.rm_failed": "호스트 {node_id}: rm이 실패했습니다: {reason}",
    "migration.title": "{cluster}을(를) ZooKeeper에서 KRaft로 옮기기: {phase} 단계로",
    "migration.effect.controllers": "KRaft 컨트롤러 {nodes}이(가) 시작해 ZooKeeper에 연결합니다",
    "migration.effect.dual": (
        "브로커가 한 대씩 다시 시작하며 컨트롤러를 알게 됩니다; 그다음 컨트롤러가 메타데이터를 모두 복사하고 이끌며 모든 변경을"
        " ZooKeeper에도 씁니다"
    ),
    "migration.effect.kraft": "브로커가 한 대씩 다시 시작하며 KRaft 브로커가 됩니다; ZooKeeper에도 계속 씁니다",
    "migration.effect.final": "컨트롤러가 더는 ZooKeeper를 모릅니다; 그 뒤 ZooKeeper 서버를 끌 수 있습니다",
    "migration.effect.context": "그 뒤 clusters.toml의 [clusters.{cluster}]에서 zookeeper를 지우십시오",
    "migration.no_way_back": "이 뒤로는 ZooKeeper로 돌아갈 수 없습니다; 앞 단계로 며칠 운영해 보십시오",
    "migration.await.step": "KRaft 컨트롤러가 메타데이터를 모두 복사하고 이끌 때까지 기다립니다",
    "migration.metadata.step": "지금은 할 일이 없습니다; 되돌릴 때 {node}이(가) KRaft 메타데이터 로그를 잊습니다",
    "migration.waiting": "KRaft 컨트롤러가 메타데이터를 복사하기를 기다립니다",
    "migration.waiting_back": "브로커가 다시 이끌기를 기다립니다",
    "migration.no_takeover": "KRaft 컨트롤러가 {minutes}분 안에 넘겨받지 못했습니다; 그 로그: {log}",
    "migration.not_leading": "KRaft 컨트롤러가 이끌고 있지 않습니다",
    "migration.later_first": "브로커 {broker}이(가) KRaft로 돌고 있습니다; 그렇게 한 계획을 먼저 되돌리십시오",
    "migration.nobody_leads": "컨트롤러가 된 브로커가 없습니다; ZooKeeper의 /controller와 브로커 로그를 보십시오",
    "migration.no_zookeeper": "클러스터 {cluster}에 ZooKeeper 서버가 적혀 있지 않습니다",
    "migration.unreachable": "ZooKeeper({servers})가 응답하지 않습니다: {reason}",
    "migration.no_file": "서버 {node}의 속성 파일이 컨텍스트에 없습니다",
    "migration.no_hosts": "클러스터 {cluster}에 머신이 적혀 있지 않습니다; 이전은 모든 서버의 파일을 바꿉니다",
    "migration.done": "이전이 끝났습니다; ZooKeeper는 더 쓰이지 않습니다",
    "migration.not_next": "클러스터는 {now} 단계입니다; 다음은 {following}입니다",
    "migration.no_controllers": (
        "clusters.toml에 controller 역할의 머신을 적으십시오: 브로커가 아닌 세 대, 속성 파일과 포맷된 저장소와 함께"
    ),
    "migration.moving": "파티션을 옮기는 중입니다; 끝날 때까지 기다리십시오: kappa reassign status",
    "migration.brokers": "브로커와 머신이 다릅니다: {brokers}; 모든 브로커가 살아 있고 적혀 있어야 합니다",
    "migration.same_id": "{node}은(는) 브로커의 id입니다; 컨트롤러에는 다른 id가 필요합니다",
    "migration.version": "브로커 {broker}은(는) {version}입니다; 먼저 3.9로 올리십시오: kappa cluster upgrade --to 3.9.2",
    "migration.protocol": "브로커 {broker}은(는) {protocol}을(를) 씁니다; 먼저 업그레이드를 끝내 3.9를 쓰게 하십시오",
    "migration.controller_file": (
        "컨트롤러 {node}의 파일에 {key}이(가) 없거나 process.roles가 controller가 아닙니다: node.id, listeners,"
        " controller.listener.names, controller.quorum.voters가 필요합니다"
    ),
    "migration.format": (
        "컨트롤러 {node}의 저장소가 이 클러스터용으로 포맷되지 않았습니다; 그 머신에서:"
        " kafka-storage.sh format --cluster-id {cluster_id} --config {file}"
    ),
}

register(ENGLISH, KOREAN)
