"""Texts of `kappa transactions`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "transactions.id": "the transactional id",
    "transactions_list.open": "only those with an open transaction",
    "transactions_list.open_for": "only those whose transaction is open for at least this long, as in 15m",
    "transactions_list.match": "only ids that fit this regular expression",
    "transactions_describe.head": (
        "{transactional_id}: {state}, producer {producer}, epoch {epoch}, coordinator {coordinator}, timeout {timeout_ms} ms"
    ),
    "transactions_describe.open": "open since {since} ({duration}) in:",
    "transactions_hanging.partitions": "where to look; everywhere by default",
    "transactions_hanging.idle": "leave out producers that wrote later than this (default: 15m)",
    "transactions_hanging.none": "No transaction hangs.",
    "transactions_abort.partition": "the partition, as topic:0",
    "transactions_abort.start": "the offset at which the transaction begins there",
    "transactions_abort.owned": "also where its coordinator still knows it; that tears the transaction",
    "transactions_abort.one": "name one partition, as topic:0",
}

KOREAN = {
    "transactions.id": "트랜잭션 id",
    "transactions_list.open": "열린 트랜잭션만",
    "transactions_list.open_for": "이 시간 이상 열려 있는 트랜잭션만 (예: 15m)",
    "transactions_list.match": "이 정규 표현식에 맞는 id만",
    "transactions_describe.head": (
        "{transactional_id}: {state}, 프로듀서 {producer}, 에포크 {epoch}, 코디네이터 {coordinator}, 제한 시간 {timeout_ms} ms"
    ),
    "transactions_describe.open": "{since}부터 열려 있음 ({duration}), 파티션:",
    "transactions_hanging.partitions": "살펴볼 파티션; 기본값은 모두",
    "transactions_hanging.idle": "이보다 최근에 쓴 프로듀서는 뺍니다 (기본값: 15m)",
    "transactions_hanging.none": "끝나지 않고 멈춘 트랜잭션이 없습니다.",
    "transactions_abort.partition": "파티션(예: topic:0)",
    "transactions_abort.start": "그 파티션에서 트랜잭션이 시작하는 오프셋",
    "transactions_abort.owned": "코디네이터가 아는 트랜잭션도 중단합니다; 트랜잭션이 찢어집니다",
    "transactions_abort.one": "파티션 하나를 topic:0처럼 지정하세요",
}

register(ENGLISH, KOREAN)
