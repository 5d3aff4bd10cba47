"""Texts about users and quotas."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "quota.title": "Set quotas of {entity}",
    "quota.set.step": "set {values} of {entity}",
    "quota.effect": "{entity}: {quota} {before} -> {after}",
    "quota.other": "{quota} of {entity} is {found}",
    "quota.entity": "name whose quota it is: a user, a client id, both, or an address",
    "quota.unknown": "{entity} has no quota {key}",
    "quota.bad_value": "{key} has to be more than 0, not {value}",
    "quota.nothing": "nothing would change: the quotas are set like this already",
    "quota.per_broker": "each broker allows this for itself: on many brokers a client gets as many times as much",
    "quota.everybody": "it counts for all that have no quota of their own, also for those that work now",
    "user.title.put": "Set the password of user {user}",
    "user.title.delete": "Take user {user} away",
    "user.put.step": "set the password of {user} ({mechanism})",
    "user.delete.step": "take the password of {user} ({mechanism}) away",
    "user.effect.new": "{user} can log on by {mechanism}",
    "user.effect.replaced": "{user} can log on by {mechanism} with the new password only",
    "user.effect.gone": "{user} can no longer log on by {mechanism}",
    "user.replaces": "the old password cannot be brought back; connections that are open stay until they log on again",
    "user.refused": "new connections of this user are refused from then on; a password cannot be brought back",
    "user.other": "{user} ({mechanism}) has {found} iterations",
    "user.still_there": "{user} still has a password of {mechanism}",
    "user.lost": "{user} had a password of {mechanism} already, which cannot be brought back",
    "user.password": "{reason}",
    "user.unreadable": "cannot read the password in {path} ({reason})",
    "user.no_password": "there is no password: give --password-file, or KAPPA_PASSWORD",
    "user.bad_name": "name a user, and mechanisms of {mechanisms}",
    "user.bad_iterations": "brokers take {least} to {most} iterations",
    "user.missing": "there is no such user or credential: {user} (has {mechanisms})",
}

KOREAN = {
    "quota.title": "{entity}의 할당량 설정",
    "quota.set.step": "{entity}에 {values}을(를) 설정합니다",
    "quota.effect": "{entity}: {quota} {before} -> {after}",
    "quota.other": "{entity}의 {quota}이(가) {found}입니다",
    "quota.entity": "누구의 할당량인지 주세요: 사용자, 클라이언트 id, 둘 다, 또는 주소",
    "quota.unknown": "{entity}에는 {key} 할당량이 없습니다",
    "quota.bad_value": "{key}은(는) 0보다 커야 합니다: {value}",
    "quota.nothing": "바뀔 것이 없습니다: 할당량이 이미 그렇게 설정되어 있습니다",
    "quota.per_broker": "브로커마다 따로 이만큼 허용합니다: 브로커가 많으면 클라이언트는 그만큼 더 받습니다",
    "quota.everybody": "자기 할당량이 없는 모두에게, 지금 일하는 클라이언트에게도 적용됩니다",
    "user.title.put": "사용자 {user}의 비밀번호 설정",
    "user.title.delete": "사용자 {user} 없애기",
    "user.put.step": "{user}의 비밀번호를 설정합니다 ({mechanism})",
    "user.delete.step": "{user}의 비밀번호를 없앱니다 ({mechanism})",
    "user.effect.new": "{user}이(가) {mechanism}(으)로 로그인할 수 있습니다",
    "user.effect.replaced": "{user}은(는) 새 비밀번호로만 {mechanism} 로그인을 할 수 있습니다",
    "user.effect.gone": "{user}은(는) 더는 {mechanism}(으)로 로그인할 수 없습니다",
    "user.replaces": "이전 비밀번호는 되돌릴 수 없습니다; 열린 연결은 다시 로그인할 때까지 남습니다",
    "user.refused": "그때부터 이 사용자의 새 연결은 거절됩니다; 비밀번호는 되돌릴 수 없습니다",
    "user.other": "{user} ({mechanism})의 반복 횟수가 {found}입니다",
    "user.still_there": "{user}에게 아직 {mechanism} 비밀번호가 있습니다",
    "user.lost": "{user}에게 이미 {mechanism} 비밀번호가 있었고, 되돌릴 수 없습니다",
    "user.password": "{reason}",
    "user.unreadable": "{path}의 비밀번호를 읽을 수 없습니다 ({reason})",
    "user.no_password": "비밀번호가 없습니다: --password-file이나 KAPPA_PASSWORD를 주세요",
    "user.bad_name": "사용자 이름과 {mechanisms} 가운데 방식을 주세요",
    "user.bad_iterations": "브로커는 반복 횟수 {least}에서 {most}까지 받습니다",
    "user.missing": "그런 사용자나 비밀번호가 없습니다: {user} (있는 것: {mechanisms})",
}

register(ENGLISH, KOREAN)
