"""Texts about what is wrong with a cluster: of each rule the reason and the remedy."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "seen.topic_configs": "configurations of topics",
    "seen.broker_configs": "configurations of brokers",
    "seen.throttles": "throttles",
    "seen.reassignments": "reassignments",
    "seen.disks": "disks of broker {broker}",
    "seen.features": "features of broker {broker}",
    "seen.machine": "machine of broker {broker}",
    "finding.offline_partitions": "{count} partitions have no leader, nothing can be written or read there: {subjects}",
    "finding.offline_partitions.remedy": (
        "bring back a broker that holds an in-sync replica (kappa topics describe --unavailable-partitions); only when"
        " none comes back: kappa topics elect-leaders {first} --unclean loses records"
    ),
    "finding.under_min_in_sync": (
        "{count} partitions have fewer replicas in sync than min.insync.replicas, writes at acks=all fail: {subjects}"
    ),
    "finding.under_min_in_sync.remedy": (
        "bring the missing brokers back: kappa topics describe --under-min-isr-partitions; kappa brokers list"
    ),
    "finding.under_replicated": "{count} partitions have a replica that is not in sync: {subjects}",
    "finding.under_replicated.remedy": (
        "look which broker they share: kappa topics describe --under-replicated-partitions; kappa brokers list"
    ),
    "finding.brokers_away": "broker {subjects} is away and holds {replicas} replicas",
    "finding.brokers_away.remedy": (
        "start it: kappa brokers start {first}; where it does not come back: kappa reassign drain {first}"
    ),
    "finding.directories_offline": "log directories are offline ({errors}): {subjects}",
    "finding.directories_offline.remedy": "repair the disk, then restart the broker; look: kappa disk usage --by directory",
    "finding.disks_full": "{subjects} is {percent} full: a broker that cannot write stops",
    "finding.disks_full.remedy": "kappa disk free --broker {broker} --target SIZE",
    "finding.disks_nearly_full": "{subjects} is {percent} full",
    "finding.disks_nearly_full.remedy": (
        "see what takes the space: kappa disk usage --by topic; free some: kappa disk free --broker {broker} --target SIZE"
    ),
    "finding.own_topics_unprotected": (
        "the brokers' own topics have one replica: {subjects}; when its broker is away, groups and transactions stop"
    ),
    "finding.own_topics_unprotected.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.own_topics_thin": "the brokers' own topics have two replicas: {subjects}",
    "finding.own_topics_thin.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.single_replica": (
        "{count} topics have one replica: {subjects}; with its broker they are away, with its disk they are lost"
    ),
    "finding.single_replica.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.no_spare_replica": (
        "{count} topics have no more replicas than min.insync.replicas: {subjects}; writes at acks=all fail as soon as"
        " one broker is away, also for a restart"
    ),
    "finding.no_spare_replica.remedy": (
        "more replicas (kappa reassign replication-factor N {first}) or a smaller min.insync.replicas (kappa configs"
        " alter topic {first} --set min.insync.replicas=N)"
    ),
    "finding.min_in_sync_one": (
        "{count} topics have three replicas or more and min.insync.replicas=1: {subjects}; acks=all may mean one copy"
    ),
    "finding.min_in_sync_one.remedy": "kappa configs alter topic {first} --set min.insync.replicas=2",
    "finding.unclean_elections": (
        "unclean.leader.election.enable is true on broker {subjects}: a replica that misses records may lead, they are lost"
    ),
    "finding.unclean_elections.remedy": "kappa brokers rollout --set unclean.leader.election.enable=false",
    "finding.unclean_elections_of_topics": "{count} topics allow elections that lose records: {subjects}",
    "finding.unclean_elections_of_topics.remedy": (
        "kappa configs alter topic {first} --unset unclean.leader.election.enable"
    ),
    "finding.auto_create": (
        "auto.create.topics.enable is true on broker {subjects}: a misspelt name becomes a topic with default settings"
    ),
    "finding.auto_create.remedy": "kappa brokers rollout --set auto.create.topics.enable=false",
    "finding.delete_switched_off": "delete.topic.enable is false on broker {subjects}: no topic can be deleted",
    "finding.delete_switched_off.remedy": "kappa brokers rollout --set delete.topic.enable=true",
    "finding.large_messages": (
        "message.max.bytes is up to {mib} MiB on broker {subjects}: large batches take heap from all and hold up their"
        " partition"
    ),
    "finding.large_messages.remedy": (
        "keep large things elsewhere and send where they are; lower it for all but the topics that need it: kappa"
        " brokers rollout --unset message.max.bytes"
    ),
    "finding.large_messages_of_topics": "{count} topics take batches of up to {mib} MiB: {subjects}",
    "finding.large_messages_of_topics.remedy": (
        "where no producer needs it: kappa configs alter topic {first} --unset max.message.bytes"
    ),
    "finding.plaintext_listeners": (
        "listeners without encryption and without users can be reached from other machines: {subjects}"
    ),
    "finding.plaintext_listeners.remedy": "give them SASL_SSL or SSL, or bind them to an address that only trusted machines reach",
    "finding.passwords_readable": "listeners with users but without encryption can be reached from other machines: {subjects}",
    "finding.passwords_readable.remedy": "give them SASL_SSL; everybody on the way reads what passes",
    "finding.throttles_left_behind": "replication throttles are set although nothing moves: {subjects}; replicas catch up slowly",
    "finding.throttles_left_behind.remedy": "kappa reassign clean-throttles",
    "finding.throttles_in_files": "replication throttles stand in properties files: {subjects}; they hold for every move",
    "finding.throttles_in_files.remedy": "take the lines out of the files and restart: kappa brokers rollout --unset KEY",
    "finding.reassignments_under_way": "{count} partitions are being moved: {subjects}",
    "finding.reassignments_under_way.remedy": "kappa reassign status",
    "finding.leaders_not_preferred": (
        "broker {subjects} does not lead what it should: {partitions} partitions are led by others, which carry its load"
    ),
    "finding.leaders_not_preferred.remedy": "kappa topics elect-leaders",
    "finding.leaders_uneven": "broker {subjects} is the preferred leader of up to {most} partitions, its share is {share}",
    "finding.leaders_uneven.remedy": "kappa reassign balance",
    "finding.brokers_uneven": "broker {subjects} holds more than {times} times what brokers hold on average",
    "finding.brokers_uneven.remedy": (
        "kappa reassign balance; brokers that joined later: kappa reassign scale-out BROKER; look: kappa disk usage"
    ),
    "finding.directories_uneven": "{subjects} holds more than {times} times what directories of broker {broker} hold on average",
    "finding.directories_uneven.remedy": "kappa disk balance {broker}",
    "finding.heap_large": "broker {subjects} has {heap} GiB of heap on a machine with {memory} GiB: too little is left for the page cache",
    "finding.heap_large.remedy": "5 to 6 GB of heap, at most half of the memory: KAFKA_HEAP_OPTS, then kappa brokers restart {first}",
    "finding.heap_small": "broker {subjects} has less than 5 GB of heap although its machine has memory for it",
    "finding.heap_small.remedy": "with many partitions or clients raise it towards 6 GB: KAFKA_HEAP_OPTS, then kappa brokers restart",
    "finding.few_open_files": "broker {subjects} may have only {least} files open: segments and connections take them all one day",
    "finding.few_open_files.remedy": "LimitNOFILE={wanted} in the unit of systemd, then kappa brokers restart",
    "finding.versions_differ": "brokers are not of one version, by their {sign}: {subjects}",
    "finding.versions_differ.remedy": "finish the upgrade or take it back: kappa plan list",
    "finding.not_looked_at": "{subjects} could not be looked at: {why}",
    "finding.not_looked_at.remedy": "nothing is said about it; mend that and look again",
}

KOREAN = {
    "seen.topic_configs": "토픽 설정",
    "seen.broker_configs": "브로커 설정",
    "seen.throttles": "전송 제한",
    "seen.reassignments": "재배치",
    "seen.disks": "브로커 {broker}의 디스크",
    "seen.features": "브로커 {broker}의 기능 수준",
    "seen.machine": "브로커 {broker}의 기계",
    "finding.offline_partitions": "파티션 {count}개에 리더가 없어 쓰지도 읽지도 못합니다: {subjects}",
    "finding.offline_partitions.remedy": (
        "동기화된 복제본을 가진 브로커를 되살리세요(kappa topics describe --unavailable-partitions); 하나도 돌아오지 않을"
        " 때만: kappa topics elect-leaders {first} --unclean (레코드를 잃습니다)"
    ),
    "finding.under_min_in_sync": (
        "파티션 {count}개의 동기화된 복제본이 min.insync.replicas보다 적어 acks=all 쓰기가 실패합니다: {subjects}"
    ),
    "finding.under_min_in_sync.remedy": (
        "빠진 브로커를 되살리세요: kappa topics describe --under-min-isr-partitions; kappa brokers list"
    ),
    "finding.under_replicated": "파티션 {count}개에 동기화되지 않은 복제본이 있습니다: {subjects}",
    "finding.under_replicated.remedy": (
        "어느 브로커가 공통인지 보세요: kappa topics describe --under-replicated-partitions; kappa brokers list"
    ),
    "finding.brokers_away": "브로커 {subjects}이(가) 없는데 복제본 {replicas}개를 가지고 있습니다",
    "finding.brokers_away.remedy": (
        "시작하세요: kappa brokers start {first}; 돌아오지 않으면: kappa reassign drain {first}"
    ),
    "finding.directories_offline": "로그 디렉터리를 쓸 수 없습니다({errors}): {subjects}",
    "finding.directories_offline.remedy": "디스크를 고치고 브로커를 다시 시작하세요; 확인: kappa disk usage --by directory",
    "finding.disks_full": "{subjects}이(가) {percent} 찼습니다: 쓰지 못하는 브로커는 멈춥니다",
    "finding.disks_full.remedy": "kappa disk free --broker {broker} --target SIZE",
    "finding.disks_nearly_full": "{subjects}이(가) {percent} 찼습니다",
    "finding.disks_nearly_full.remedy": (
        "무엇이 차지하는지: kappa disk usage --by topic; 비우기: kappa disk free --broker {broker} --target SIZE"
    ),
    "finding.own_topics_unprotected": (
        "브로커 자신의 토픽에 복제본이 하나입니다: {subjects}; 그 브로커가 없으면 그룹과 트랜잭션이 멈춥니다"
    ),
    "finding.own_topics_unprotected.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.own_topics_thin": "브로커 자신의 토픽에 복제본이 둘입니다: {subjects}",
    "finding.own_topics_thin.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.single_replica": (
        "토픽 {count}개에 복제본이 하나입니다: {subjects}; 브로커가 없으면 쓸 수 없고 디스크가 고장 나면 잃습니다"
    ),
    "finding.single_replica.remedy": "kappa reassign replication-factor {wanted} {first}",
    "finding.no_spare_replica": (
        "토픽 {count}개의 복제본이 min.insync.replicas보다 많지 않습니다: {subjects}; 다시 시작할 때라도 브로커 하나가 없으면"
        " acks=all 쓰기가 실패합니다"
    ),
    "finding.no_spare_replica.remedy": (
        "복제본을 늘리거나(kappa reassign replication-factor N {first}) min.insync.replicas를 줄이세요(kappa configs"
        " alter topic {first} --set min.insync.replicas=N)"
    ),
    "finding.min_in_sync_one": (
        "토픽 {count}개의 복제본이 셋 이상인데 min.insync.replicas=1입니다: {subjects}; acks=all이 사본 하나일 수 있습니다"
    ),
    "finding.min_in_sync_one.remedy": "kappa configs alter topic {first} --set min.insync.replicas=2",
    "finding.unclean_elections": (
        "브로커 {subjects}에서 unclean.leader.election.enable이 true입니다: 레코드가 빠진 복제본이 리더가 되어 잃을 수 있습니다"
    ),
    "finding.unclean_elections.remedy": "kappa brokers rollout --set unclean.leader.election.enable=false",
    "finding.unclean_elections_of_topics": "토픽 {count}개가 레코드를 잃는 선출을 허용합니다: {subjects}",
    "finding.unclean_elections_of_topics.remedy": (
        "kappa configs alter topic {first} --unset unclean.leader.election.enable"
    ),
    "finding.auto_create": (
        "브로커 {subjects}에서 auto.create.topics.enable이 true입니다: 철자가 틀린 이름이 기본 설정의 토픽이 됩니다"
    ),
    "finding.auto_create.remedy": "kappa brokers rollout --set auto.create.topics.enable=false",
    "finding.delete_switched_off": "브로커 {subjects}에서 delete.topic.enable이 false입니다: 토픽을 삭제할 수 없습니다",
    "finding.delete_switched_off.remedy": "kappa brokers rollout --set delete.topic.enable=true",
    "finding.large_messages": (
        "브로커 {subjects}의 message.max.bytes가 최대 {mib} MiB입니다: 큰 배치는 모두의 힙을 쓰고 파티션을 붙잡습니다"
    ),
    "finding.large_messages.remedy": (
        "큰 것은 다른 곳에 두고 위치만 보내세요; 필요한 토픽 말고는 줄이세요: kappa brokers rollout --unset"
        " message.max.bytes"
    ),
    "finding.large_messages_of_topics": "토픽 {count}개가 최대 {mib} MiB의 배치를 받습니다: {subjects}",
    "finding.large_messages_of_topics.remedy": (
        "필요한 프로듀서가 없다면: kappa configs alter topic {first} --unset max.message.bytes"
    ),
    "finding.plaintext_listeners": "암호화도 사용자도 없는 리스너에 다른 기계가 접속할 수 있습니다: {subjects}",
    "finding.plaintext_listeners.remedy": "SASL_SSL이나 SSL을 쓰거나, 믿을 수 있는 기계만 닿는 주소에서 듣게 하세요",
    "finding.passwords_readable": "사용자는 있지만 암호화하지 않는 리스너에 다른 기계가 접속할 수 있습니다: {subjects}",
    "finding.passwords_readable.remedy": "SASL_SSL을 쓰세요; 지나는 길에 있는 누구나 읽을 수 있습니다",
    "finding.throttles_left_behind": "옮기는 것이 없는데 복제 제한이 남아 있습니다: {subjects}; 복제본이 천천히 따라잡습니다",
    "finding.throttles_left_behind.remedy": "kappa reassign clean-throttles",
    "finding.throttles_in_files": "속성 파일에 복제 제한이 있습니다: {subjects}; 옮길 때마다 적용됩니다",
    "finding.throttles_in_files.remedy": "파일에서 빼고 다시 시작하세요: kappa brokers rollout --unset KEY",
    "finding.reassignments_under_way": "파티션 {count}개를 옮기고 있습니다: {subjects}",
    "finding.reassignments_under_way.remedy": "kappa reassign status",
    "finding.leaders_not_preferred": (
        "브로커 {subjects}이(가) 맡아야 할 리더를 맡지 않습니다: 파티션 {partitions}개의 부하를 다른 브로커가 집니다"
    ),
    "finding.leaders_not_preferred.remedy": "kappa topics elect-leaders",
    "finding.leaders_uneven": "브로커 {subjects}이(가) 최대 파티션 {most}개의 우선 리더입니다; 제 몫은 {share}개입니다",
    "finding.leaders_uneven.remedy": "kappa reassign balance",
    "finding.brokers_uneven": "브로커 {subjects}이(가) 평균의 {times}배보다 많이 가지고 있습니다",
    "finding.brokers_uneven.remedy": (
        "kappa reassign balance; 나중에 들어온 브로커: kappa reassign scale-out BROKER; 확인: kappa disk usage"
    ),
    "finding.directories_uneven": "{subjects}이(가) 브로커 {broker}의 디렉터리 평균의 {times}배보다 많이 가지고 있습니다",
    "finding.directories_uneven.remedy": "kappa disk balance {broker}",
    "finding.heap_large": "브로커 {subjects}의 힙이 {heap} GiB이고 기계 메모리는 {memory} GiB입니다: 페이지 캐시에 남는 것이 적습니다",
    "finding.heap_large.remedy": "힙은 5~6 GB, 메모리의 절반 이하로: KAFKA_HEAP_OPTS, 그다음 kappa brokers restart {first}",
    "finding.heap_small": "기계에 메모리가 있는데 브로커 {subjects}의 힙이 5 GB보다 작습니다",
    "finding.heap_small.remedy": "파티션이나 클라이언트가 많으면 6 GB 쪽으로 늘리세요: KAFKA_HEAP_OPTS, 그다음 kappa brokers restart",
    "finding.few_open_files": "브로커 {subjects}이(가) 파일을 {least}개만 열 수 있습니다: 세그먼트와 연결이 언젠가 다 씁니다",
    "finding.few_open_files.remedy": "systemd 유닛에 LimitNOFILE={wanted}, 그다음 kappa brokers restart",
    "finding.versions_differ": "브로커의 버전이 서로 다릅니다({sign}): {subjects}",
    "finding.versions_differ.remedy": "업그레이드를 마치거나 되돌리세요: kappa plan list",
    "finding.not_looked_at": "살피지 못했습니다: {subjects}: {why}",
    "finding.not_looked_at.remedy": "여기에 대해서는 아무 말도 할 수 없습니다; 고치고 다시 보세요",
}

register(ENGLISH, KOREAN)
