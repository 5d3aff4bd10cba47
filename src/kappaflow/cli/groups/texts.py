"""Texts of `kappa groups`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "groups.name": "name of the group",
    "groups_list.state": "only groups in these states, such as Stable or Empty; several with commas",
    "groups_list.type": "only groups of these types: classic, consumer, share, streams; several with commas",
    "groups_describe.names": "names of groups",
    "groups_describe.all": "all groups",
    "groups_describe.which": "name groups, or give --all-groups",
    "groups_describe.verbose": "with --members: which partitions each has",
    "groups_reset.export": "also write the offsets to this CSV file, as --from-file reads it (with --dry-run: only that)",
    "groups_describe.members": "its members instead of its partitions",
    "groups_describe.no_time": "do not read records to tell how long the group is behind",
    "groups_describe.head": "group {group}: {state}, assignor {assignor}, coordinator {coordinator}, lag {lag}",
    "groups_reset.topic": "only these partitions: a topic, or topic:0,2; may be repeated; all of the group by default",
    "groups_reset.earliest": "to the first record there is",
    "groups_reset.latest": "to the end",
    "groups_reset.current": "to where the group is; keeps offsets from expiring",
    "groups_reset.offset": "to this offset",
    "groups_reset.shift": "by this number of records, back where it is negative",
    "groups_reset.datetime": "to the first record at or after a time (ISO 8601)",
    "groups_reset.duration": "back by this time from now, as in 12h or PT12H",
    "groups_reset.file": "to the offsets of a CSV file: topic,partition,offset",
    "groups_delete_offsets.topic": "the topic; may be repeated",
    "groups_remove.members": "member ids or instance ids; all members by default",
}

KOREAN = {
    "groups.name": "그룹 이름",
    "groups_list.state": "이 상태의 그룹만 (Stable, Empty 등); 여럿은 쉼표로",
    "groups_list.type": "이 종류의 그룹만: classic, consumer, share, streams; 여럿은 쉼표로",
    "groups_describe.names": "그룹 이름",
    "groups_describe.all": "모든 그룹",
    "groups_describe.which": "그룹 이름이나 --all-groups를 주세요",
    "groups_describe.verbose": "--members와 함께: 멤버마다 맡은 파티션",
    "groups_reset.export": "오프셋을 이 CSV 파일에도 씁니다. --from-file로 읽을 수 있습니다 (--dry-run이면 파일만)",
    "groups_describe.members": "파티션 대신 멤버를 보여 줍니다",
    "groups_describe.no_time": "얼마나 늦었는지 알기 위해 레코드를 읽지 않습니다",
    "groups_describe.head": "그룹 {group}: {state}, 할당 방식 {assignor}, 코디네이터 {coordinator}, 지연 {lag}",
    "groups_reset.topic": "이 파티션만: 토픽, 또는 토픽:0,2; 여러 번 쓸 수 있고, 기본값은 그룹 전체",
    "groups_reset.earliest": "첫 레코드로",
    "groups_reset.latest": "끝으로",
    "groups_reset.current": "지금 위치로; 오프셋 만료를 막습니다",
    "groups_reset.offset": "이 오프셋으로",
    "groups_reset.shift": "레코드 수만큼; 음수이면 뒤로",
    "groups_reset.datetime": "이 시각(ISO 8601) 이후 첫 레코드로",
    "groups_reset.duration": "지금부터 이만큼 전으로 (12h, PT12H)",
    "groups_reset.file": "CSV 파일(topic,partition,offset)의 오프셋으로",
    "groups_delete_offsets.topic": "토픽; 여러 번 쓸 수 있습니다",
    "groups_remove.members": "멤버 id나 인스턴스 id; 기본값은 모든 멤버",
}

register(ENGLISH, KOREAN)
