"""Texts of the lag doctor."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "lag.no_group": "there is no group {group}",
    "lag.cause.healthy": "group {group} keeps up",
    "lag.cause.catching_up": "group {group} is behind and catches up, in about {minutes} minutes",
    "lag.cause.stopped_group": "group {group} has stopped: it has no members, and records wait",
    "lag.cause.rebalancing_storm": "group {group} rebalances again and again, and reads little between",
    "lag.cause.open_transaction": (
        "a transaction of {transactional_id} is open in {partitions}: readers of committed records wait for its end"
    ),
    "lag.cause.hanging_transaction": "a transaction hangs in {partitions}: readers of committed records cannot go on",
    "lag.cause.lost_records": "retention has deleted records of {partitions} that group {group} has not read",
    "lag.cause.nobody_reads": "{partitions}: no member of group {group} was given them",
    "lag.cause.stuck_member": "member {member} ({client} on {host}) stands still: {partitions}",
    "lag.cause.stuck_offset": "reading stops at offset {offset} of {partitions}, while member {member} goes on with others",
    "lag.cause.no_commits": "group {group} has members, and none of them commits",
    "lag.cause.hot_key": "{partitions} gets far more records than the others, most of them with key {key!r}",
    "lag.cause.hot_partition": "{partitions} gets far more records than the others",
    "lag.cause.slow_member": "member {member} ({client} on {host}) is slower than the others: {partitions}",
    "lag.cause.too_few_consumers": (
        "group {group} reads less than what comes, with {members} consumers for {all_partitions} partitions"
    ),
    "lag.cause.too_few_partitions": "group {group} reads less than what comes, and every partition has a consumer",
    "lag.cause.rewound": "offsets of {partitions} went back: records are read again",
    "lag.advice.healthy": "nothing to do",
    "lag.advice.catching_up": "nothing to do but wait",
    "lag.advice.stopped_group": "start the consumers of group {group}; see when they last ran: kappa groups describe {group}",
    "lag.advice.rebalancing_storm": (
        "find out why members leave: work between two polls longer than max.poll.interval.ms, garbage collection or"
        " restarts longer than session.timeout.ms; raise these, read fewer records a poll (max.poll.records), give"
        " members a group.instance.id; see them: kappa groups describe {group} --members"
    ),
    "lag.advice.open_transaction": (
        "look at the producer with transactional.id {transactional_id}: does it commit rarely, or stand still? Brokers end"
        " its transaction after its transaction.timeout.ms; see it: kappa transactions list --open"
    ),
    "lag.advice.hanging_transaction": "see them: kappa transactions hanging",
    "lag.advice.abort": "kappa transactions abort {topic}:{partition} --start-offset {offset}",
    "lag.advice.lost_records": (
        "the reader goes on where auto.offset.reset says; keep records longer (kappa configs alter topic .. --set"
        " retention.ms=..) until it has caught up"
    ),
    "lag.advice.nobody_reads": (
        "is the topic in the subscription of all members? A member with an older subscription, or an assignor that is"
        " not the same for all: kappa groups describe {group} --members"
    ),
    "lag.advice.stuck_member": (
        "look at {client} on {host}: a thread dump shows what it waits for; restart it, and its partitions go to others"
    ),
    "lag.advice.stuck_offset": (
        "look at the record at offset {offset} of {partition}, and at the log of {client} on {host}: it fails on this"
        " record again and again"
    ),
    "lag.advice.skip": (
        "to go past it, stop the group, then: kappa groups reset {group} --topic {topic}:{partition} --to-offset {to}"
    ),
    "lag.advice.no_commits": (
        "is enable.auto.commit off, and commit never called? Or all members wait for the same thing, such as a database"
    ),
    "lag.advice.hot_key": (
        "more consumers do not help: a partition has one reader. Split key {key!r} (a suffix, or another key), or let"
        " its reader do less for each record"
    ),
    "lag.advice.hot_partition": (
        "more consumers do not help: a partition has one reader. Look at how producers choose the partition: a custom"
        " partitioner, few different keys"
    ),
    "lag.advice.slow_member": "look at {client} on {host}: its processor, its network, its neighbours; restart it elsewhere",
    "lag.advice.too_few_consumers": "start {add} more consumers of group {group}",
    "lag.advice.too_few_partitions": (
        "let each record take less time, or give topic {topic} more partitions and start as many consumers: kappa topics"
        " alter {topic} --partitions {wanted} (keys go to other partitions then)"
    ),
    "lag.advice.rewound": "was it reset on purpose? If not: two groups of one name, or a consumer that seeks",
    "lag.evidence.total": "{lag} records are not read yet",
    "lag.evidence.state": "the group is {state} with {members} members",
    "lag.evidence.partition": (
        "{partition}: lag {lag} ({growth} in {seconds} s), {produced}/s come, {consumed}/s are read"
    ),
    "lag.evidence.lost": "{partition}: the next offset to read is {committed}, but the first that there is is {begin}",
    "lag.evidence.rebalances": "{rebalancing} of {looks} looks saw a rebalance, the members changed {changes} times",
    "lag.evidence.open": (
        "{partition}: the transaction of {transactional_id} is open from offset {offset} on; its last record came"
        " {idle} s ago"
    ),
    "lag.evidence.hanging": (
        "{partition}: a transaction of producer {producer} is open since offset {offset}, its producer is silent for"
        " {idle} s, no coordinator knows it; the last stable offset is {stable}"
    ),
    "lag.evidence.moves_on": "{member} ({client} on {host}) goes on with {partitions}",
    "lag.evidence.others": "the other partitions get {produced}/s each",
    "lag.evidence.key": "of the newest records of {partition} {percent} % have key {key!r}",
    "lag.evidence.rates": (
        "{produced}/s come, {consumed}/s are read, by {members} consumers of {partitions} partitions"
    ),
}

KOREAN = {
    "lag.no_group": "그룹 {group}이(가) 없습니다",
    "lag.cause.healthy": "그룹 {group}이(가) 제때 읽고 있습니다",
    "lag.cause.catching_up": "그룹 {group}이(가) 뒤처졌지만 따라잡고 있습니다(약 {minutes}분)",
    "lag.cause.stopped_group": "그룹 {group}이(가) 멈췄습니다: 멤버가 없고 레코드가 기다립니다",
    "lag.cause.rebalancing_storm": "그룹 {group}이(가) 리밸런스를 되풀이해 거의 읽지 못합니다",
    "lag.cause.open_transaction": (
        "{partitions}에 {transactional_id}의 트랜잭션이 열려 있어 커밋된 레코드를 읽는 쪽이 그 끝을 기다립니다"
    ),
    "lag.cause.hanging_transaction": "{partitions}에 끝나지 않는 트랜잭션이 있어 커밋된 레코드를 읽는 쪽이 나아가지 못합니다",
    "lag.cause.lost_records": "그룹 {group}이(가) 읽지 않은 {partitions}의 레코드가 보존 기간이 지나 삭제되었습니다",
    "lag.cause.nobody_reads": "{partitions}: 그룹 {group}의 어느 멤버에도 할당되지 않았습니다",
    "lag.cause.stuck_member": "멤버 {member}({host}의 {client})이(가) 멈춰 있습니다: {partitions}",
    "lag.cause.stuck_offset": "{partitions}의 오프셋 {offset}에서 읽기가 멈췄고, 멤버 {member}은(는) 다른 파티션을 계속 읽습니다",
    "lag.cause.no_commits": "그룹 {group}에 멤버가 있지만 아무도 커밋하지 않습니다",
    "lag.cause.hot_key": "{partitions}에 다른 파티션보다 훨씬 많은 레코드가 오고, 대부분 키가 {key!r}입니다",
    "lag.cause.hot_partition": "{partitions}에 다른 파티션보다 훨씬 많은 레코드가 옵니다",
    "lag.cause.slow_member": "멤버 {member}({host}의 {client})이(가) 다른 멤버보다 느립니다: {partitions}",
    "lag.cause.too_few_consumers": (
        "그룹 {group}이(가) 들어오는 것보다 덜 읽습니다: 파티션 {all_partitions}개에 컨슈머 {members}개"
    ),
    "lag.cause.too_few_partitions": "그룹 {group}이(가) 들어오는 것보다 덜 읽고, 파티션마다 이미 컨슈머가 있습니다",
    "lag.cause.rewound": "{partitions}의 오프셋이 뒤로 갔습니다: 레코드를 다시 읽습니다",
    "lag.advice.healthy": "할 일이 없습니다",
    "lag.advice.catching_up": "기다리면 됩니다",
    "lag.advice.stopped_group": "그룹 {group}의 컨슈머를 시작하세요; 언제까지 읽었는지: kappa groups describe {group}",
    "lag.advice.rebalancing_storm": (
        "멤버가 나가는 까닭을 찾으세요: 폴 사이의 일이 max.poll.interval.ms보다 길거나, GC나 재시작이 session.timeout.ms보다"
        " 깁니다; 이 값을 늘리고, 한 번에 덜 읽고(max.poll.records), group.instance.id를 주세요; 확인: kappa groups"
        " describe {group} --members"
    ),
    "lag.advice.open_transaction": (
        "transactional.id가 {transactional_id}인 프로듀서를 보세요: 드물게 커밋하거나 멈췄나요? transaction.timeout.ms가 지나면"
        " 브로커가 트랜잭션을 끝냅니다; 확인: kappa transactions list --open"
    ),
    "lag.advice.hanging_transaction": "확인: kappa transactions hanging",
    "lag.advice.abort": "kappa transactions abort {topic}:{partition} --start-offset {offset}",
    "lag.advice.lost_records": (
        "auto.offset.reset이 정하는 곳에서 계속 읽습니다; 따라잡을 때까지 더 오래 보존하세요(kappa configs alter topic .."
        " --set retention.ms=..)"
    ),
    "lag.advice.nobody_reads": (
        "모든 멤버가 이 토픽을 구독하나요? 구독이 오래된 멤버나 서로 다른 할당 방식이 있을 수 있습니다: kappa groups"
        " describe {group} --members"
    ),
    "lag.advice.stuck_member": (
        "{host}의 {client}을(를) 보세요: 스레드 덤프가 무엇을 기다리는지 알려 줍니다; 다시 시작하면 파티션이 옮겨 갑니다"
    ),
    "lag.advice.stuck_offset": (
        "{partition}의 오프셋 {offset} 레코드와 {host}의 {client} 로그를 보세요: 이 레코드에서 계속 실패합니다"
    ),
    "lag.advice.skip": (
        "건너뛰려면 그룹을 멈추고: kappa groups reset {group} --topic {topic}:{partition} --to-offset {to}"
    ),
    "lag.advice.no_commits": (
        "enable.auto.commit이 꺼져 있고 commit을 부르지 않나요? 아니면 모두 같은 것(데이터베이스 등)을 기다립니다"
    ),
    "lag.advice.hot_key": (
        "컨슈머를 늘려도 소용없습니다: 파티션은 하나가 읽습니다. 키 {key!r}을(를) 나누거나(접미사, 다른 키) 레코드마다 하는"
        " 일을 줄이세요"
    ),
    "lag.advice.hot_partition": (
        "컨슈머를 늘려도 소용없습니다: 파티션은 하나가 읽습니다. 프로듀서가 파티션을 고르는 방법을 보세요: 사용자 정의"
        " 파티셔너, 몇 안 되는 키"
    ),
    "lag.advice.slow_member": "{host}의 {client}을(를) 보세요: CPU, 네트워크, 이웃 프로세스; 다른 곳에서 다시 시작하세요",
    "lag.advice.too_few_consumers": "그룹 {group}의 컨슈머를 {add}개 더 시작하세요",
    "lag.advice.too_few_partitions": (
        "레코드마다 걸리는 시간을 줄이거나, 토픽 {topic}의 파티션과 컨슈머를 늘리세요: kappa topics alter {topic}"
        " --partitions {wanted} (키가 다른 파티션으로 갑니다)"
    ),
    "lag.advice.rewound": "일부러 되돌렸나요? 아니라면 같은 이름의 그룹이 둘이거나 seek하는 컨슈머가 있습니다",
    "lag.evidence.total": "아직 읽지 않은 레코드 {lag}개",
    "lag.evidence.state": "그룹은 {state} 상태이고 멤버가 {members}개입니다",
    "lag.evidence.partition": (
        "{partition}: 지연 {lag} ({seconds}초 동안 {growth}), 초당 {produced}개 오고 {consumed}개 읽습니다"
    ),
    "lag.evidence.lost": "{partition}: 다음에 읽을 오프셋은 {committed}인데 남은 첫 오프셋은 {begin}입니다",
    "lag.evidence.rebalances": "{looks}번 가운데 {rebalancing}번 리밸런스 중이었고 멤버가 {changes}번 바뀌었습니다",
    "lag.evidence.open": (
        "{partition}: {transactional_id}의 트랜잭션이 오프셋 {offset}부터 열려 있고 마지막 레코드는 {idle}초 전에 왔습니다"
    ),
    "lag.evidence.hanging": (
        "{partition}: 프로듀서 {producer}의 트랜잭션이 오프셋 {offset}부터 열려 있고, 프로듀서는 {idle}초 동안 조용하며,"
        " 어느 코디네이터도 모릅니다; 마지막 안정 오프셋은 {stable}입니다"
    ),
    "lag.evidence.moves_on": "{member}({host}의 {client})은(는) {partitions}을(를) 계속 읽습니다",
    "lag.evidence.others": "다른 파티션에는 초당 {produced}개씩 옵니다",
    "lag.evidence.key": "{partition}의 최근 레코드 가운데 {percent}%의 키가 {key!r}입니다",
    "lag.evidence.rates": ("초당 {produced}개 오고 {consumed}개 읽습니다: 파티션 {partitions}개에 컨슈머 {members}개"),
}

register(ENGLISH, KOREAN)
