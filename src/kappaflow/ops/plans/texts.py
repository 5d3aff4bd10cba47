"""Texts about plans."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "plans.unwritable": "The plan {path} cannot be written: {error}",
    "plans.no_action": "This version of kappa knows no action {name!r}; the plan is from another one, or was edited.",
    "plans.no_texts": "This version of kappa knows no texts {family!r}; the plan is from another one.",
    "plans.audit_unwritable": "The audit log {path} cannot be written: {error}",
    "plans.no_transition": "Step {step} is {now}; it cannot become {state}.",
    "plans.taken": "Another kappa works on this plan now (it holds {path}).",
    "plans.edited": "The plan {plan_id} was edited after it was begun; put its steps back, or make a new plan. Its journal is {path}.",
    "plans.not_ours": "{path} is no plan of kappa's.",
    "plans.unreadable": "Cannot read the plan {path}: {error}",
    "plans.format": "The plan has format {given}; this version of kappa reads format {known}.",
    "plans.incomplete": "This is no plan of kappa's: {error!r} is missing or of the wrong kind.",
    "plans.other_cluster": "The plan {plan_id} is for the cluster with id {cluster_id}, but {bootstrap_servers} is {found}. Name the right cluster with --cluster.",
    "plans.being_undone": "Plan {plan_id} is being undone; finish that with 'kappa plan undo'.",
    "plans.undone": "Plan {plan_id} was applied and undone; make a new one.",
    "plans.nothing_done": "Nothing of plan {plan_id} was done; there is nothing to undo.",
    "plans.final": "This cannot be taken back: {names}. Nothing was undone.",
    "plans.refused": "Step {step} ({action}) is refused: {reasons}",
}

KOREAN = {
    "plans.unwritable": "계획 {path}에 쓸 수 없습니다: {error}",
    "plans.no_action": "이 버전의 kappa는 {name!r} 동작을 모릅니다; 다른 버전의 계획이거나 고쳐진 계획입니다.",
    "plans.no_texts": "이 버전의 kappa는 {family!r} 문구를 모릅니다; 다른 버전의 계획입니다.",
    "plans.audit_unwritable": "감사 로그 {path}에 쓸 수 없습니다: {error}",
    "plans.no_transition": "{step}단계는 {now} 상태라 {state} 상태가 될 수 없습니다.",
    "plans.taken": "지금 다른 kappa가 이 계획을 실행하고 있습니다 ({path} 사용 중).",
    "plans.edited": "계획 {plan_id}은(는) 시작한 뒤에 고쳐졌습니다; 단계를 되돌려 놓거나 새 계획을 만드세요. 저널: {path}",
    "plans.not_ours": "{path}은(는) kappa의 계획이 아닙니다.",
    "plans.unreadable": "계획 {path}을(를) 읽을 수 없습니다: {error}",
    "plans.format": "계획의 형식이 {given}입니다; 이 버전의 kappa는 형식 {known}을(를) 읽습니다.",
    "plans.incomplete": "kappa의 계획이 아닙니다: {error!r}이(가) 없거나 종류가 다릅니다.",
    "plans.other_cluster": "계획 {plan_id}은(는) id가 {cluster_id}인 클러스터의 것인데 {bootstrap_servers}은(는) {found}입니다. --cluster로 맞는 클러스터를 지정하세요.",
    "plans.being_undone": "계획 {plan_id}은(는) 되돌리는 중입니다; 'kappa plan undo'로 마치세요.",
    "plans.undone": "계획 {plan_id}은(는) 적용했다가 되돌렸습니다; 새 계획을 만드세요.",
    "plans.nothing_done": "계획 {plan_id}에서 한 일이 없습니다; 되돌릴 것이 없습니다.",
    "plans.final": "되돌릴 수 없는 것이 있습니다: {names}. 아무것도 되돌리지 않았습니다.",
    "plans.refused": "{step}단계({action})가 거부되었습니다: {reasons}",
}

register(ENGLISH, KOREAN)
