"""Texts about groups."""

from __future__ import annotations

from kappaflow.ops.topics import texts as _topic_texts
from kappaflow.runtime.messages import register

assert _topic_texts
ENGLISH = {
    "group.missing": "there is no group {group}",
    "group.active": (
        "group {group} is {state} with {members} members, which commit over whatever is set; stop them first"
    ),
    "group.empty": "group {group} has no members",
    "group.no_member": "group {group} has no member {member}",
    "group.no_offsets": "group {group} has no offsets; name topics to set offsets of",
    "group.no_offsets_of": "group {group} has no offsets of {topics}",
    "group.no_offset": "nothing was committed for {partition}; it cannot be shifted",
    "group.no_leader": "{partition} has no leader; its offsets are not known now",
    "group.unwritable": "{path} cannot be written ({reason})",
    "group.bad_file": "{path} cannot be read as topic,partition,offset ({reason})",
    "group.other": "{partition} is at {found} instead of {wanted}",
    "group.still_there": "group {group} is still there",
    "group.still_committed": "the offset of {partition} is still there",
    "group.still_member": "{member} is still a member",
    "group.reset.title": "Set the offsets of group {group}",
    "group.reset.effect": "{partition}: {before} -> {after}  {change}",
    "group.reset.skips": "{count} records are skipped and will not be read",
    "group.reset.again": "{count} records are read again",
    "group.set.step": "commit {count} offsets of group {group}",
    "group.delete.title": "Delete group {group}",
    "group.delete.step": "delete group {group}",
    "group.delete.effect": "group {group}: {count} committed offsets are gone (undo brings them back)",
    "group.delete_offsets.title": "Forget the offsets of group {group} of {topics}",
    "group.delete_offsets.step": "forget {count} offsets of group {group}",
    "group.delete_offsets.effect": "{partition}: offset {offset} is forgotten",
    "group.remove.title": "Take {count} members out of group {group}",
    "group.remove.step": "take {count} members out of group {group}",
    "group.remove.effect": "member {member} on {host} leaves",
    "group.remove.final": "members join again by themselves",
}

KOREAN = {
    "group.missing": "그룹 {group}이(가) 없습니다",
    "group.active": (
        "그룹 {group}은(는) {state} 상태이고 멤버가 {members}개라 설정한 값을 덮어씁니다; 먼저 멤버를 멈추세요"
    ),
    "group.empty": "그룹 {group}에 멤버가 없습니다",
    "group.no_member": "그룹 {group}에 멤버 {member}이(가) 없습니다",
    "group.no_offsets": "그룹 {group}에 오프셋이 없습니다; 오프셋을 설정할 토픽을 지정하세요",
    "group.no_offsets_of": "그룹 {group}에 {topics}의 오프셋이 없습니다",
    "group.no_offset": "{partition}에 커밋된 오프셋이 없어 옮길 수 없습니다",
    "group.no_leader": "{partition}에 리더가 없어 지금 오프셋을 알 수 없습니다",
    "group.unwritable": "{path}에 쓸 수 없습니다 ({reason})",
    "group.bad_file": "{path}을(를) topic,partition,offset으로 읽을 수 없습니다 ({reason})",
    "group.other": "{partition}이(가) {wanted}이 아니라 {found}입니다",
    "group.still_there": "그룹 {group}이(가) 아직 있습니다",
    "group.still_committed": "{partition}의 오프셋이 아직 있습니다",
    "group.still_member": "{member}이(가) 아직 멤버입니다",
    "group.reset.title": "그룹 {group}의 오프셋 설정",
    "group.reset.effect": "{partition}: {before} -> {after}  {change}",
    "group.reset.skips": "레코드 {count}개를 건너뛰어 읽지 않습니다",
    "group.reset.again": "레코드 {count}개를 다시 읽습니다",
    "group.set.step": "그룹 {group}의 오프셋 {count}개를 커밋합니다",
    "group.delete.title": "그룹 {group} 삭제",
    "group.delete.step": "그룹 {group}을(를) 삭제합니다",
    "group.delete.effect": "그룹 {group}: 커밋된 오프셋 {count}개가 사라집니다 (undo로 되살립니다)",
    "group.delete_offsets.title": "그룹 {group}의 {topics} 오프셋 잊기",
    "group.delete_offsets.step": "그룹 {group}의 오프셋 {count}개를 잊습니다",
    "group.delete_offsets.effect": "{partition}: 오프셋 {offset}을(를) 잊습니다",
    "group.remove.title": "그룹 {group}에서 멤버 {count}개 내보내기",
    "group.remove.step": "그룹 {group}에서 멤버 {count}개를 내보냅니다",
    "group.remove.effect": "{host}의 멤버 {member}이(가) 나갑니다",
    "group.remove.final": "멤버는 스스로 다시 참여합니다",
}

register(ENGLISH, KOREAN)
