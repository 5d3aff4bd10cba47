"""Texts about access control lists."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "acl.create.title": "Add {count} access control entries",
    "acl.create.step": "add {count} access control entries",
    "acl.create.effect": "+ {permission} {principal} from {host}: {operation} on {resource_kind} {resource_name} ({pattern})",
    "acl.create.wrong": "{permission} {principal}: {operation} on {resource_kind} {resource_name} is not there",
    "acl.delete.title": "Take {count} access control entries away",
    "acl.delete.step": "take {count} access control entries away",
    "acl.delete.effect": "- {permission} {principal} from {host}: {operation} on {resource_kind} {resource_name} ({pattern})",
    "acl.delete.wrong": "{permission} {principal}: {operation} on {resource_kind} {resource_name} is still there",
    "acl.there": "nothing would change: these entries are there already",
    "acl.not_there": "none of these entries is there",
    "acl.everybody": "everybody gets a permission, also those who do not log on where a listener lets them in",
    "acl.deny": "a denial goes before every permission, also before those of administrators who are no super users",
    "acl.refused": "who loses a permission is refused from then on",
}

KOREAN = {
    "acl.create.title": "접근 제어 항목 {count}개 더하기",
    "acl.create.step": "접근 제어 항목 {count}개를 더합니다",
    "acl.create.effect": "+ {permission} {principal} ({host}): {resource_kind} {resource_name} ({pattern})에 {operation}",
    "acl.create.wrong": "{permission} {principal}: {resource_kind} {resource_name}의 {operation}이(가) 없습니다",
    "acl.delete.title": "접근 제어 항목 {count}개 없애기",
    "acl.delete.step": "접근 제어 항목 {count}개를 없앱니다",
    "acl.delete.effect": "- {permission} {principal} ({host}): {resource_kind} {resource_name} ({pattern})에 {operation}",
    "acl.delete.wrong": "{permission} {principal}: {resource_kind} {resource_name}의 {operation}이(가) 아직 있습니다",
    "acl.there": "바뀔 것이 없습니다: 이 항목들이 이미 있습니다",
    "acl.not_there": "이 항목들이 하나도 없습니다",
    "acl.everybody": "모두가 권한을 얻습니다. 리스너가 받아들이면 로그인하지 않은 사용자도 포함됩니다",
    "acl.deny": "거부는 모든 허용보다 앞섭니다. 슈퍼 사용자가 아닌 관리자에게도 그렇습니다",
    "acl.refused": "권한을 잃은 사용자는 그때부터 거절됩니다",
}

register(ENGLISH, KOREAN)
