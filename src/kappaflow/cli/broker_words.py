"""What the errors of brokers mean, and what to do about them."""

from __future__ import annotations

from kappaflow.cli.messages import message, register
from kappaflow.errors import BrokerError

_ENGLISH = {
    "UNKNOWN_SERVER_ERROR": "the broker failed inside; its own log (server.log) says why",
    "OFFSET_OUT_OF_RANGE": "no record has this offset any more, or yet; look: kappa topics offsets",
    "UNKNOWN_TOPIC_OR_PARTITION": "there is no such topic or partition; look: kappa topics list",
    "LEADER_NOT_AVAILABLE": "the partition has no leader now; look: kappa topics describe --unavailable-partitions",
    "REQUEST_TIMED_OUT": "no answer came in time: the broker is overloaded or cut off; look: kappa brokers list",
    "NETWORK_EXCEPTION": "the connection broke off, or the broker went away; look: kappa brokers list",
    "COORDINATOR_NOT_AVAILABLE": (
        "the broker that keeps these offsets or transactions is away; look: kappa topics describe __consumer_offsets"
    ),
    "INVALID_TOPIC_EXCEPTION": "a topic's name has at most 249 letters, digits, dots, dashes and underscores",
    "NOT_ENOUGH_REPLICAS": (
        "fewer replicas are in sync than min.insync.replicas; look: kappa topics describe --under-min-isr-partitions"
    ),
    "UNKNOWN_MEMBER_ID": "the group has members that commit over whatever is set; stop them first",
    "TOPIC_AUTHORIZATION_FAILED": "the user may not do that with this topic; look: kappa acls list --topic NAME",
    "GROUP_AUTHORIZATION_FAILED": "the user may not do that with this group; look: kappa acls list --group NAME",
    "CLUSTER_AUTHORIZATION_FAILED": "the user may not do that with the cluster; look: kappa acls list --of-cluster",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": (
        "the user may not use this transactional id; look: kappa acls list --transactional-id ID"
    ),
    "UNSUPPORTED_SASL_MECHANISM": "the broker does not know this sasl.mechanism; it has sasl.enabled.mechanisms",
    "ILLEGAL_SASL_STATE": "the listener wants another security.protocol than the one that is set",
    "UNSUPPORTED_VERSION": "the brokers are too old for this, or it is switched off there; look: kappa cluster info",
    "TOPIC_ALREADY_EXISTS": "there is such a topic; it may be on its way out: kappa topics delete NAME --why-not",
    "INVALID_PARTITIONS": "a topic's number of partitions only grows",
    "INVALID_REPLICATION_FACTOR": "there are fewer brokers than replicas wanted; look: kappa brokers list",
    "INVALID_REPLICA_ASSIGNMENT": "a broker is named that is not there, or twice; look: kappa brokers list",
    "INVALID_CONFIG": "the broker takes no such value; look: kappa configs describe --explain",
    "POLICY_VIOLATION": "the cluster's create.topic.policy or alter.config.policy forbids it",
    "NOT_CONTROLLER": "the cluster is choosing a controller; try again in a moment",
    "SECURITY_DISABLED": "the brokers have no authorizer (authorizer.class.name), so there are no permissions",
    "KAFKA_STORAGE_ERROR": "a disk of the broker failed; look: kappa disk usage --by directory",
    "LOG_DIR_NOT_FOUND": "the broker has no such directory in log.dirs; look: kappa disk usage --by directory",
    "SASL_AUTHENTICATION_FAILED": (
        "user or password are wrong, or unknown to the brokers: see sasl.username, sasl.password and sasl.mechanism"
    ),
    "REASSIGNMENT_IN_PROGRESS": "these partitions are being moved already; look: kappa reassign status",
    "NON_EMPTY_GROUP": "the group has members; stop them first, look: kappa groups describe NAME --members",
    "GROUP_ID_NOT_FOUND": "there is no such group; look: kappa groups list",
    "GROUP_SUBSCRIBED_TO_TOPIC": "members of the group read this topic; stop them first",
    "TOPIC_DELETION_DISABLED": "delete.topic.enable is false on the brokers",
    "PREFERRED_LEADER_NOT_AVAILABLE": "the preferred replica is away or not in sync; look: kappa topics describe",
    "ELIGIBLE_LEADERS_NOT_AVAILABLE": "no replica is alive that could lead; look: kappa topics describe",
    "ELECTION_NOT_NEEDED": "the right replica leads already",
    "THROTTLING_QUOTA_EXCEEDED": "the user's quota of changes is used up; try later, look: kappa quotas list",
    "INVALID_PRODUCER_EPOCH": "another producer has begun with this id; look: kappa transactions producers TOPIC:P",
    "CONCURRENT_TRANSACTIONS": "the transaction is just being ended; try again in a moment",
    "FEATURE_UPDATE_FAILED": "a broker or controller does not support this level; look: kappa cluster doctor",
}
_KOREAN = {
    "UNKNOWN_SERVER_ERROR": "브로커 안에서 오류가 났습니다; 브로커 로그(server.log)에 까닭이 있습니다",
    "OFFSET_OUT_OF_RANGE": "이 오프셋의 레코드가 이미 없거나 아직 없습니다; 확인: kappa topics offsets",
    "UNKNOWN_TOPIC_OR_PARTITION": "그런 토픽이나 파티션이 없습니다; 확인: kappa topics list",
    "LEADER_NOT_AVAILABLE": "파티션에 지금 리더가 없습니다; 확인: kappa topics describe --unavailable-partitions",
    "REQUEST_TIMED_OUT": "제시간에 답이 없습니다: 브로커가 과부하이거나 끊겼습니다; 확인: kappa brokers list",
    "NETWORK_EXCEPTION": "연결이 끊겼거나 브로커가 사라졌습니다; 확인: kappa brokers list",
    "COORDINATOR_NOT_AVAILABLE": (
        "오프셋이나 트랜잭션을 맡은 브로커가 없습니다; 확인: kappa topics describe __consumer_offsets"
    ),
    "INVALID_TOPIC_EXCEPTION": "토픽 이름은 영문자, 숫자, 점, 빼기표, 밑줄로 249자까지입니다",
    "NOT_ENOUGH_REPLICAS": (
        "동기화된 복제본이 min.insync.replicas보다 적습니다; 확인: kappa topics describe --under-min-isr-partitions"
    ),
    "UNKNOWN_MEMBER_ID": "그룹에 멤버가 있어 설정한 값을 덮어씁니다; 먼저 멤버를 멈추세요",
    "TOPIC_AUTHORIZATION_FAILED": "이 토픽에 그 작업을 할 권한이 없습니다; 확인: kappa acls list --topic 이름",
    "GROUP_AUTHORIZATION_FAILED": "이 그룹에 그 작업을 할 권한이 없습니다; 확인: kappa acls list --group 이름",
    "CLUSTER_AUTHORIZATION_FAILED": "클러스터에 그 작업을 할 권한이 없습니다; 확인: kappa acls list --of-cluster",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": (
        "이 트랜잭션 id를 쓸 권한이 없습니다; 확인: kappa acls list --transactional-id ID"
    ),
    "UNSUPPORTED_SASL_MECHANISM": "브로커가 이 sasl.mechanism을 모릅니다; sasl.enabled.mechanisms에 있는 것만 됩니다",
    "ILLEGAL_SASL_STATE": "리스너가 요구하는 security.protocol이 설정과 다릅니다",
    "UNSUPPORTED_VERSION": "브로커가 너무 오래되었거나 그 기능이 꺼져 있습니다; 확인: kappa cluster info",
    "TOPIC_ALREADY_EXISTS": "그런 토픽이 있습니다; 삭제되는 중일 수 있습니다: kappa topics delete 이름 --why-not",
    "INVALID_PARTITIONS": "토픽의 파티션 수는 늘릴 수만 있습니다",
    "INVALID_REPLICATION_FACTOR": "원하는 복제본보다 브로커가 적습니다; 확인: kappa brokers list",
    "INVALID_REPLICA_ASSIGNMENT": "없는 브로커나 같은 브로커를 두 번 지정했습니다; 확인: kappa brokers list",
    "INVALID_CONFIG": "브로커가 받지 않는 값입니다; 확인: kappa configs describe --explain",
    "POLICY_VIOLATION": "클러스터의 create.topic.policy나 alter.config.policy가 금지합니다",
    "NOT_CONTROLLER": "클러스터가 컨트롤러를 고르는 중입니다; 잠시 뒤에 다시 하세요",
    "SECURITY_DISABLED": "브로커에 권한 관리자(authorizer.class.name)가 없어 권한 항목도 없습니다",
    "KAFKA_STORAGE_ERROR": "브로커의 디스크에 문제가 있습니다; 확인: kappa disk usage --by directory",
    "LOG_DIR_NOT_FOUND": "브로커의 log.dirs에 그런 디렉터리가 없습니다; 확인: kappa disk usage --by directory",
    "SASL_AUTHENTICATION_FAILED": (
        "사용자나 비밀번호가 틀렸거나 브로커가 모르는 사용자입니다: sasl.username, sasl.password, sasl.mechanism 확인"
    ),
    "REASSIGNMENT_IN_PROGRESS": "이 파티션은 이미 옮기는 중입니다; 확인: kappa reassign status",
    "NON_EMPTY_GROUP": "그룹에 멤버가 있습니다; 먼저 멈추세요, 확인: kappa groups describe 이름 --members",
    "GROUP_ID_NOT_FOUND": "그런 그룹이 없습니다; 확인: kappa groups list",
    "GROUP_SUBSCRIBED_TO_TOPIC": "그룹의 멤버가 이 토픽을 읽고 있습니다; 먼저 멈추세요",
    "TOPIC_DELETION_DISABLED": "브로커의 delete.topic.enable이 false입니다",
    "PREFERRED_LEADER_NOT_AVAILABLE": "선호 복제본이 없거나 동기화되지 않았습니다; 확인: kappa topics describe",
    "ELIGIBLE_LEADERS_NOT_AVAILABLE": "리더가 될 수 있는 복제본이 살아 있지 않습니다; 확인: kappa topics describe",
    "ELECTION_NOT_NEEDED": "이미 맞는 복제본이 리더입니다",
    "THROTTLING_QUOTA_EXCEEDED": "사용자의 변경 할당량을 다 썼습니다; 나중에 하세요, 확인: kappa quotas list",
    "INVALID_PRODUCER_EPOCH": "다른 프로듀서가 이 id로 시작했습니다; 확인: kappa transactions producers 토픽:P",
    "CONCURRENT_TRANSACTIONS": "트랜잭션을 끝내는 중입니다; 잠시 뒤에 다시 하세요",
    "FEATURE_UPDATE_FAILED": "이 수준을 지원하지 않는 브로커나 컨트롤러가 있습니다; 확인: kappa cluster doctor",
}
_PREFIX = "broker_error."
register(
    {_PREFIX + name: text for name, text in _ENGLISH.items()}, {_PREFIX + name: text for name, text in _KOREAN.items()}
)


def meaning_of(error: BrokerError) -> str:
    """What an error of a broker means and what to do next; empty where its name says all there is to say."""
    return message(_PREFIX + error.name) if error.name in _ENGLISH else ""
