"""Texts of `kappa quotas`."""

from __future__ import annotations

from kappaflow.cli.messages import register

ENGLISH = {
    "quotas.user": "of this user; <default> for users without a quota of their own",
    "quotas.client_id": "of this client id; <default> for client ids without a quota of their own; also with --user",
    "quotas.ip": "of this address; <default> for addresses without a quota of their own",
    "quotas_set.producer_rate": "bytes a second that producers may write to each broker, as in 10MB/s",
    "quotas_set.consumer_rate": "bytes a second that consumers may read from each broker, as in 10MB/s",
    "quotas_set.request_percentage": "percent of one thread's time that requests may take of each broker; 200 for two threads",
    "quotas_set.mutation_rate": "partitions a second that may be created and deleted",
    "quotas_set.connection_rate": "connections a second that an address may open to each broker",
    "quotas_set.none": "name at least one quota",
    "quotas_remove.keys": "which quotas, by Kafka's name such as producer_byte_rate (default: all)",
    "quotas_remove.missing": "{entity} has no quota",
}

KOREAN = {
    "quotas.user": "이 사용자의; 자기 할당량이 없는 사용자는 <default>",
    "quotas.client_id": "이 클라이언트 id의; 자기 할당량이 없는 id는 <default>; --user와 함께 쓸 수 있습니다",
    "quotas.ip": "이 주소의; 자기 할당량이 없는 주소는 <default>",
    "quotas_set.producer_rate": "프로듀서가 브로커마다 초당 쓸 수 있는 바이트, 예: 10MB/s",
    "quotas_set.consumer_rate": "컨슈머가 브로커마다 초당 읽을 수 있는 바이트, 예: 10MB/s",
    "quotas_set.request_percentage": "요청이 브로커마다 쓸 수 있는 스레드 하나의 시간 비율(%%); 두 스레드면 200",
    "quotas_set.mutation_rate": "초당 만들고 지울 수 있는 파티션 수",
    "quotas_set.connection_rate": "주소 하나가 브로커마다 초당 열 수 있는 연결 수",
    "quotas_set.none": "할당량을 하나 이상 주세요",
    "quotas_remove.keys": "어느 할당량인지, producer_byte_rate 같은 Kafka의 이름으로 (기본값: 모두)",
    "quotas_remove.missing": "{entity}에는 할당량이 없습니다",
}

register(ENGLISH, KOREAN)
