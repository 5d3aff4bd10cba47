"""Texts about transactions."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "transaction.none": "no open transaction of {partition} begins at offset {offset}; look: kappa transactions hanging",
    "transaction.owned": (
        "the transaction that begins at {offset} of {partition} does not hang: its coordinator knows it and will end it;"
        " --even-if-owned aborts it in this partition alone, which tears it"
    ),
    "transaction.abort.title": "Abort the transaction of producer {producer} in {partition}",
    "transaction.abort.step": "abort the transaction of producer {producer} in {partition}",
    "transaction.abort.effect": "{partition}: records of the transaction from offset {offset} on are aborted; readers go on",
    "transaction.abort.torn": "its coordinator knows the transaction: in other partitions it may still be committed",
    "transaction.abort.final": "aborted records stay aborted",
    "transaction.terminate.title": "Terminate the transaction of {transactional_id}",
    "transaction.terminate.step": "abort the open transaction of {transactional_id} everywhere and fence its producer",
    "transaction.terminate.effect": "{partition}: its records of the transaction are aborted; readers go on",
    "transaction.terminate.fenced": (
        "a producer that still runs as {transactional_id} is fenced: it fails at its next request and has to begin anew"
    ),
    "transaction.unknown_id": "no coordinator knows the transactional id {transactional_id}; look: kappa transactions list",
    "transaction.not_open": "{transactional_id} has no open transaction (its state is {state})",
    "transaction.still_open": "the transaction of producer {producer} is still open",
}

KOREAN = {
    "transaction.none": "{partition}의 오프셋 {offset}에서 시작하는 열린 트랜잭션이 없습니다; 확인: kappa transactions hanging",
    "transaction.owned": (
        "{partition}의 {offset}에서 시작하는 트랜잭션은 멈춘 것이 아닙니다: 코디네이터가 알고 있고 끝낼 것입니다;"
        " --even-if-owned는 이 파티션에서만 중단해 트랜잭션을 찢습니다"
    ),
    "transaction.abort.title": "{partition}에서 프로듀서 {producer}의 트랜잭션 중단",
    "transaction.abort.step": "{partition}에서 프로듀서 {producer}의 트랜잭션을 중단합니다",
    "transaction.abort.effect": "{partition}: 오프셋 {offset}부터 트랜잭션의 레코드를 중단하고 읽기가 계속됩니다",
    "transaction.abort.torn": "코디네이터가 아는 트랜잭션입니다: 다른 파티션에서는 커밋될 수도 있습니다",
    "transaction.abort.final": "중단한 레코드는 되돌릴 수 없습니다",
    "transaction.terminate.title": "{transactional_id}의 트랜잭션 강제 종료",
    "transaction.terminate.step": "{transactional_id}의 열린 트랜잭션을 모든 파티션에서 중단하고 프로듀서를 차단합니다",
    "transaction.terminate.effect": "{partition}: 트랜잭션의 레코드를 중단하고 읽기가 계속됩니다",
    "transaction.terminate.fenced": (
        "{transactional_id}(으)로 아직 실행 중인 프로듀서는 차단됩니다: 다음 요청에서 실패하고 새로 시작해야 합니다"
    ),
    "transaction.unknown_id": "트랜잭션 id {transactional_id}을(를) 아는 코디네이터가 없습니다; 확인: kappa transactions list",
    "transaction.not_open": "{transactional_id}에 열린 트랜잭션이 없습니다 (상태: {state})",
    "transaction.still_open": "프로듀서 {producer}의 트랜잭션이 아직 열려 있습니다",
}

register(ENGLISH, KOREAN)
