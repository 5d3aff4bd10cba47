"""Texts about topics and their records."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "topic.no_assignment": "an assignment names the brokers of at least one partition, and one broker for each",
    "topic.uneven_assignment": (
        "partition {partition} is assigned to {replicas}: all partitions have as many replicas, each on another broker"
    ),
    "topic.assigned_to_nobody": "partition {partition} is assigned to broker {broker}, which is not in the cluster",
    "topic.bad_pattern": "{given} is no regular expression ({reason})",
    "topic.create.title": "Create topic {topic}",
    "topic.create.step": "create topic {topic}",
    "topic.delete.title": "Delete topic {topic}",
    "topic.delete.step": "delete topic {topic} with all its records",
    "topic.delete.effect": "topic {topic}: {partitions} partitions and all their records are gone",
    "topic.delete.final": "the records of topic {topic} are gone",
    "topic.grow.title": "Give topic {topic} more partitions",
    "topic.grow.step": "give topic {topic} {partitions} partitions",
    "topic.grow.effect": "topic {topic}: {before} -> {after} partitions",
    "topic.grow.keys": (
        "records with keys of topic {topic} go to other partitions than before: the order of a key, and every table,"
        " join or count that rests on it, is right again only for records written from now on"
    ),
    "topic.grow.final": "Kafka takes no partition of topic {topic} away",
    "topic.elect.title": "Elect {kind} leaders of {count} partitions",
    "topic.elect.step": "elect {kind} leaders of {count} partitions",
    "topic.elect.effect": "{partition}: leader {before} -> {after}",
    "topic.elect.loss": "records that only the old leader has are lost",
    "topic.elect.final": "an election cannot be taken back",
    "topic.elect.behind": (
        "{partition} cannot be led by its preferred leader now: broker {broker} is not in sync ({in_sync} is); elect once"
        " more when it has caught up"
    ),
    "topic.elect.behind_more": "of {count} partitions more the preferred leader is not in sync either",
    "topic.all_preferred": "every partition is led by its preferred replica",
    "topic.has_leader": "partition {partition} has a leader (broker {leader}); an unclean election would gain nothing",
    "topic.wrong_leader": "partition {partition} is led by {leader}",
    "topic.exists": "there is a topic {topic} already",
    "topic.missing": "there is no topic {topic}",
    "topic.internal": "topic {topic} is the brokers' own; deleting it loses offsets or transactions of everybody",
    "topic.still_there": "topic {topic} is still there; the brokers may need a moment",
    "topic.few_brokers": "{wanted} copies need {wanted} brokers; the cluster has {brokers}",
    "topic.one_copy": "topic {topic} has one copy: with its broker it is away, and with its disk it is lost",
    "topic.partition_count": "topic {topic} has {found} partitions instead of {wanted}",
    "topic.no_leader": "partition {partition} of topic {topic} has no leader",
    "topic.not_fewer": "topic {topic} has {now} partitions; {wanted} are not more, and Kafka takes none away",
    "topic.bad_assignments": "{wanted} new partitions need {wanted} lists of replicas; {given} were given",
    "topic.has_readers": "topic {topic} is being read by {groups}",
    "topic.delete_off": "delete.topic.enable is false on broker {brokers}: deletes are refused",
    "topic.delete_off.remedy": "set delete.topic.enable=true in the properties file of each and restart them one by one",
    "topic.delete_denied": "this user may not see topic {topic}: it lacks the permissions DESCRIBE and DELETE",
    "topic.delete_denied.remedy": "grant it: kappa acls add --principal User:NAME --operation Delete --operation Describe --topic {topic}",
    "topic.delete_away": (
        "broker {brokers} holds a replica of topic {topic} and is away: with ZooKeeper the delete waits for it,"
        " with KRaft its files stay on its disk until it is back"
    ),
    "topic.delete_away.remedy": "bring broker {brokers} back, or move its replicas away: kappa reassign drain",
    "topic.delete_disk": "a log directory of broker {brokers} with a replica of topic {topic} is offline",
    "topic.delete_disk.remedy": "repair the disk and restart broker {brokers}; look: kappa disk usage",
    "records.delete.title": "Delete records of {topics}",
    "records.delete.step": "delete the oldest records of {count} partitions",
    "records.delete.effect": "{partition}: begins at {keep} instead of {begin}; {count} offsets are gone",
    "records.delete.final": "deleted records are gone",
    "records.unknown": "there is no partition {partition}",
    "records.beyond": "{partition} holds offsets {begin} to {end}; {offset} is not among them",
    "records.begin": "{partition} begins at {found} instead of {wanted}",
}

KOREAN = {
    "topic.no_assignment": "배치에는 파티션이 하나 이상 있어야 하고, 파티션마다 브로커가 하나 이상 있어야 합니다",
    "topic.uneven_assignment": (
        "파티션 {partition}의 배치가 {replicas}입니다: 모든 파티션은 복제본 수가 같고 복제본마다 브로커가 달라야 합니다"
    ),
    "topic.assigned_to_nobody": "파티션 {partition}을(를) 브로커 {broker}에 배치했지만 클러스터에 없는 브로커입니다",
    "topic.bad_pattern": "{given}은(는) 정규 표현식이 아닙니다 ({reason})",
    "topic.create.title": "토픽 {topic} 만들기",
    "topic.create.step": "토픽 {topic}을(를) 만듭니다",
    "topic.delete.title": "토픽 {topic} 삭제",
    "topic.delete.step": "토픽 {topic}을(를) 레코드와 함께 삭제합니다",
    "topic.delete.effect": "토픽 {topic}: 파티션 {partitions}개와 레코드가 모두 사라집니다",
    "topic.delete.final": "토픽 {topic}의 레코드는 사라졌습니다",
    "topic.grow.title": "토픽 {topic}의 파티션 늘리기",
    "topic.grow.step": "토픽 {topic}의 파티션을 {partitions}개로 늘립니다",
    "topic.grow.effect": "토픽 {topic}: 파티션 {before} -> {after}개",
    "topic.grow.keys": (
        "토픽 {topic}에서 키가 있는 레코드는 이전과 다른 파티션으로 갑니다: 키의 순서와 그에 기대는 테이블, 조인, 집계는"
        " 앞으로 쓰는 레코드부터만 맞습니다"
    ),
    "topic.grow.final": "Kafka는 토픽 {topic}의 파티션을 줄이지 못합니다",
    "topic.elect.title": "파티션 {count}개의 리더 선출({kind})",
    "topic.elect.step": "파티션 {count}개의 리더를 선출합니다({kind})",
    "topic.elect.effect": "{partition}: 리더 {before} -> {after}",
    "topic.elect.loss": "이전 리더만 가진 레코드는 사라집니다",
    "topic.elect.final": "선출은 되돌릴 수 없습니다",
    "topic.elect.behind": (
        "{partition}은(는) 지금 선호 리더가 이끌 수 없습니다: 브로커 {broker}이(가) 동기화되지 않았습니다(동기화됨: {in_sync});"
        " 따라잡은 뒤 다시 선출하세요"
    ),
    "topic.elect.behind_more": "파티션 {count}개도 선호 리더가 동기화되지 않았습니다",
    "topic.all_preferred": "모든 파티션을 선호 복제본이 이끌고 있습니다",
    "topic.has_leader": "파티션 {partition}에 리더(브로커 {leader})가 있습니다; 비정상 선출로 얻을 것이 없습니다",
    "topic.wrong_leader": "파티션 {partition}의 리더가 {leader}입니다",
    "topic.exists": "토픽 {topic}이(가) 이미 있습니다",
    "topic.missing": "토픽 {topic}이(가) 없습니다",
    "topic.internal": "토픽 {topic}은(는) 브로커가 쓰는 토픽입니다; 삭제하면 모두의 오프셋이나 트랜잭션을 잃습니다",
    "topic.still_there": "토픽 {topic}이(가) 아직 있습니다; 브로커에 시간이 더 필요할 수 있습니다",
    "topic.few_brokers": "복제본 {wanted}개에는 브로커 {wanted}대가 필요합니다; 클러스터에는 {brokers}대가 있습니다",
    "topic.one_copy": "토픽 {topic}은(는) 복제본이 하나입니다: 브로커가 멈추면 쓸 수 없고, 디스크를 잃으면 사라집니다",
    "topic.partition_count": "토픽 {topic}의 파티션이 {wanted}개가 아니라 {found}개입니다",
    "topic.no_leader": "토픽 {topic}의 파티션 {partition}에 리더가 없습니다",
    "topic.not_fewer": "토픽 {topic}의 파티션은 {now}개입니다; {wanted}개는 더 많지 않고, Kafka는 파티션을 줄이지 못합니다",
    "topic.bad_assignments": "새 파티션 {wanted}개에는 복제본 목록 {wanted}개가 필요합니다; {given}개를 주었습니다",
    "topic.has_readers": "그룹 {groups}이(가) 토픽 {topic}을(를) 읽고 있습니다",
    "topic.delete_off": "브로커 {brokers}의 delete.topic.enable이 false여서 삭제를 거절합니다",
    "topic.delete_off.remedy": "속성 파일에 delete.topic.enable=true를 적고 한 대씩 다시 시작하세요",
    "topic.delete_denied": "이 사용자는 토픽 {topic}을(를) 볼 수 없습니다: DESCRIBE와 DELETE 권한이 없습니다",
    "topic.delete_denied.remedy": "권한 주기: kappa acls add --principal User:NAME --operation Delete --operation Describe --topic {topic}",
    "topic.delete_away": (
        "토픽 {topic}의 복제본이 있는 브로커 {brokers}이(가) 없습니다: ZooKeeper에서는 삭제가 기다리고,"
        " KRaft에서는 돌아올 때까지 그 디스크에 파일이 남습니다"
    ),
    "topic.delete_away.remedy": "브로커 {brokers}을(를) 되살리거나 복제본을 옮기세요: kappa reassign drain",
    "topic.delete_disk": "토픽 {topic}의 복제본이 있는 브로커 {brokers}의 로그 디렉터리가 오프라인입니다",
    "topic.delete_disk.remedy": "디스크를 고치고 브로커 {brokers}을(를) 다시 시작하세요; 확인: kappa disk usage",
    "records.delete.title": "{topics}의 레코드 삭제",
    "records.delete.step": "파티션 {count}개의 오래된 레코드를 삭제합니다",
    "records.delete.effect": "{partition}: {begin} 대신 {keep}에서 시작합니다; 오프셋 {count}개가 사라집니다",
    "records.delete.final": "삭제한 레코드는 사라졌습니다",
    "records.unknown": "파티션 {partition}이(가) 없습니다",
    "records.beyond": "{partition}의 오프셋은 {begin}부터 {end}까지입니다; {offset}은(는) 그 안에 없습니다",
    "records.begin": "{partition}이(가) {wanted}이 아니라 {found}에서 시작합니다",
}

register(ENGLISH, KOREAN)
