"""Calls of Kafka's command-line tools, in the order in which they are run: answers and refusals of each tool.

A call may need what an earlier one made.  ``{files}`` stands for a directory with `FILES`.
"""

from __future__ import annotations

from dataclasses import dataclass

_TOOLS = "org.apache.kafka.tools."
ACLS = _TOOLS + "AclCommand"
API_VERSIONS = _TOOLS + "BrokerApiVersionsCommand"
CLIENT_METRICS = _TOOLS + "ClientMetricsCommand"
CLUSTER = _TOOLS + "ClusterTool"
CONFIGS = "kafka.admin.ConfigCommand"
CONSOLE_CONSUMER = _TOOLS + "consumer.ConsoleConsumer"
CONSOLE_PRODUCER = _TOOLS + "ConsoleProducer"
CONSUMER_GROUPS = _TOOLS + "consumer.group.ConsumerGroupCommand"
CONSUMER_PERFORMANCE = _TOOLS + "ConsumerPerformance"
DELEGATION_TOKENS = _TOOLS + "DelegationTokenCommand"
DELETE_RECORDS = _TOOLS + "DeleteRecordsCommand"
END_TO_END_LATENCY = _TOOLS + "EndToEndLatency"
FEATURES = _TOOLS + "FeatureCommand"
GET_OFFSETS = _TOOLS + "GetOffsetShell"
GROUPS = _TOOLS + "GroupsCommand"
LEADER_ELECTION = _TOOLS + "LeaderElectionCommand"
LOG_DIRS = _TOOLS + "LogDirsCommand"
METADATA_QUORUM = _TOOLS + "MetadataQuorumCommand"
PRODUCER_PERFORMANCE = _TOOLS + "ProducerPerformance"
REASSIGN = _TOOLS + "reassign.ReassignPartitionsCommand"
SHARE_GROUPS = _TOOLS + "consumer.group.ShareGroupCommand"
STREAMS_GROUPS = _TOOLS + "streams.StreamsGroupCommand"
STREAMS_RESET = _TOOLS + "StreamsResetter"
TOPICS = _TOOLS + "TopicCommand"
TRANSACTIONS = _TOOLS + "TransactionsCommand"
VERIFIABLE_CONSUMER = _TOOLS + "VerifiableConsumer"
VERIFIABLE_PRODUCER = _TOOLS + "VerifiableProducer"


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        name: says what is asked.
        tool: the main class.
        arguments: the command line without the address of the broker, as a shell reads it.
        stdin: what the tool reads.
        before: what has to happen first.
        timeout_s: after which it is interrupted; where set, it is one that waits for ever, of the longer round.
    """

    name: str
    tool: str
    arguments: str
    stdin: str = ""
    before: str = ""
    timeout_s: float | None = None


FILES = {
    "delete.json": '{"version":1,"partitions":[{"topic":"talk","partition":0,"offset":1}]}',
    "delete-absent.json": (
        '{"version":1,"partitions":[{"topic":"talk","partition":0,"offset":99},'
        '{"topic":"absent","partition":0,"offset":1}]}'
    ),
    "move-topics.json": '{"version":1,"topics":[{"topic":"made"}]}',
    "stay.json": '{"version":1,"partitions":[{"topic":"made","partition":0,"replicas":[1]}]}',
    "move.json": '{"version":1,"partitions":[{"topic":"made","partition":0,"replicas":[7]}]}',
    "elect.json": '{"partitions":[{"topic":"made","partition":0}]}',
    "elect-absent.json": '{"partitions":[{"topic":"absent","partition":0}]}',
    "reset.csv": "talk,0,1\n",
}

CALLS = (
    Call("api versions", API_VERSIONS, ""),
    Call("topics create", TOPICS, "--create --topic made --partitions 3 --config retention.ms=100000"),
    Call("topics create again", TOPICS, "--create --topic made"),
    Call("topics create if not exists", TOPICS, "--create --topic made --if-not-exists"),
    Call("topics create unknown config", TOPICS, "--create --topic bad --config no.such=1"),
    Call("topics create bad config", TOPICS, "--create --topic bad --config retention.ms=x"),
    Call("topics create rf3", TOPICS, "--create --topic bad --replication-factor 3"),
    Call("topics create 0 parts", TOPICS, "--create --topic bad --partitions 0"),
    Call("topics create bad name", TOPICS, "--create --topic 'bad name'"),
    Call("topics create collide", TOPICS, "--create --topic a.b"),
    Call("topics create collide2", TOPICS, "--create --topic a_b"),
    Call("topics create assigned", TOPICS, "--create --topic assigned --replica-assignment 1,1"),
    Call("topics create assigned bad", TOPICS, "--create --topic assigned2 --replica-assignment 1,5"),
    Call("topics create talk", TOPICS, "--create --topic talk --partitions 2"),
    Call("topics list", TOPICS, "--list"),
    Call("topics describe", TOPICS, "--describe --topic made"),
    Call("topics describe absent", TOPICS, "--describe --topic absent"),
    Call("topics describe overrides", TOPICS, "--describe --topics-with-overrides"),
    Call("topics describe ur", TOPICS, "--describe --under-replicated-partitions"),
    Call("topics describe un", TOPICS, "--describe --unavailable-partitions"),
    Call("topics describe min", TOPICS, "--describe --under-min-isr-partitions"),
    Call("topics alter", TOPICS, "--alter --topic made --partitions 4"),
    Call("topics alter down", TOPICS, "--alter --topic made --partitions 2"),
    Call("topics alter absent", TOPICS, "--alter --topic absent --partitions 2"),
    Call("topics delete", TOPICS, "--delete --topic assigned"),
    Call("topics delete absent", TOPICS, "--delete --topic absent"),
    Call("topics delete if exists", TOPICS, "--delete --topic absent --if-exists"),
    Call("configs describe", CONFIGS, "--describe --topic made"),
    Call("configs describe all", CONFIGS, "--describe --topic made --all"),
    Call("configs describe absent", CONFIGS, "--describe --topic absent"),
    Call("configs alter", CONFIGS, "--alter --topic made --add-config retention.bytes=5000,cleanup.policy=compact"),
    Call("configs alter2", CONFIGS, "--alter --topic made --delete-config retention.bytes"),
    Call("configs alter delete absent", CONFIGS, "--alter --topic made --delete-config retention.bytes"),
    Call("configs alter bad", CONFIGS, "--alter --topic made --add-config cleanup.policy=burn"),
    Call("configs alter unk", CONFIGS, "--alter --topic made --add-config no.such=1"),
    Call("configs alter absent", CONFIGS, "--alter --topic absent --add-config retention.bytes=1"),
    Call("configs describe2", CONFIGS, "--describe --topic made"),
    Call("configs broker", CONFIGS, "--describe --broker 1"),
    Call("configs broker all", CONFIGS, "--describe --broker 1 --all"),
    Call("configs broker 9", CONFIGS, "--describe --broker 9"),
    Call("configs broker alter", CONFIGS, "--alter --broker 1 --add-config log.cleaner.threads=2"),
    Call("configs broker alter ro", CONFIGS, "--alter --broker 1 --add-config log.dirs=/x"),
    Call("configs broker describe", CONFIGS, "--describe --broker 1"),
    Call("configs broker delete", CONFIGS, "--alter --broker 1 --delete-config log.cleaner.threads"),
    Call("configs broker default", CONFIGS, "--describe --broker-defaults"),
    Call("configs broker default alter", CONFIGS, "--alter --broker-defaults --add-config log.retention.ms=700000"),
    Call("configs broker default 2", CONFIGS, "--describe --broker-defaults"),
    Call("configs broker default delete", CONFIGS, "--alter --broker-defaults --delete-config log.retention.ms"),
    Call(
        "configs scram",
        CONFIGS,
        "--alter --entity-type users --entity-name ann --add-config 'SCRAM-SHA-256=[iterations=8192,password=x]'",
    ),
    Call("configs scram d", CONFIGS, "--describe --entity-type users --entity-name ann"),
    Call("configs scram del", CONFIGS, "--alter --entity-type users --entity-name ann --delete-config SCRAM-SHA-256"),
    Call("configs scram del2", CONFIGS, "--alter --entity-type users --entity-name ann --delete-config SCRAM-SHA-256"),
    Call(
        "configs quota",
        CONFIGS,
        "--alter --entity-type clients --entity-name c --add-config producer_byte_rate=1024000",
    ),
    Call("configs quota d", CONFIGS, "--describe --entity-type clients --entity-name c"),
    Call(
        "configs quota del", CONFIGS, "--alter --entity-type clients --entity-name c --delete-config producer_byte_rate"
    ),
    Call("configs quota bad", CONFIGS, "--alter --entity-type clients --entity-name c --add-config nonsense=1"),
    Call("configs groups", CONFIGS, "--describe --entity-type groups --entity-name g"),
    Call(
        "configs groups alter",
        CONFIGS,
        "--alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=50000",
    ),
    Call("configs groups describe", CONFIGS, "--describe --entity-type groups --entity-name g"),
    Call("configs loggers", CONFIGS, "--describe --entity-type broker-loggers --entity-name 1"),
    Call("configs metrics", CONFIGS, "--describe --entity-type client-metrics --entity-name m"),
    Call(
        "configs metrics alter",
        CONFIGS,
        "--alter --entity-type client-metrics --entity-name m --add-config interval.ms=1000",
    ),
    Call("client metrics list", CLIENT_METRICS, "--list"),
    Call(
        "console produce",
        CONSOLE_PRODUCER,
        "--topic talk --reader-property parse.key=true --reader-property parse.headers=true "
        "--reader-property 'key.separator=;' --reader-property 'headers.delimiter=|'",
        stdin="h1:v1,h2:v2|a;one\nh1:v|b;two\nx:y|c;three\n",
    ),
    Call(
        "console consume",
        CONSOLE_CONSUMER,
        "--topic talk --from-beginning --max-messages 3 --group listeners "
        "--formatter-property print.key=true --formatter-property print.headers=true "
        "--formatter-property print.offset=true --formatter-property print.partition=true "
        "--formatter-property print.epoch=true",
    ),
    Call("console consume part", CONSOLE_CONSUMER, "--topic talk --partition 0 --offset 1 --max-messages 2"),
    Call("console consume absent", CONSOLE_CONSUMER, "--topic absent --timeout-ms 2000 --from-beginning"),
    Call(
        "console consume consumer",
        CONSOLE_CONSUMER,
        "--topic talk --from-beginning --max-messages 3 --group nextgen --command-property group.protocol=consumer",
    ),
    Call("groups list", CONSUMER_GROUPS, "--list"),
    Call("groups list state", CONSUMER_GROUPS, "--list --state"),
    Call("groups list state 2", CONSUMER_GROUPS, "--list --state Empty"),
    Call("groups list type", CONSUMER_GROUPS, "--list --type"),
    Call("groups list bad", CONSUMER_GROUPS, "--list --state Nonsense"),
    Call("groups describe", CONSUMER_GROUPS, "--describe --group listeners"),
    Call("groups describe verb", CONSUMER_GROUPS, "--describe --group listeners --verbose"),
    Call("groups members", CONSUMER_GROUPS, "--describe --group listeners --members"),
    Call("groups state", CONSUMER_GROUPS, "--describe --group listeners --state"),
    Call("groups absent", CONSUMER_GROUPS, "--describe --group absent"),
    Call("groups state absent", CONSUMER_GROUPS, "--describe --group absent --state"),
    Call("groups all", CONSUMER_GROUPS, "--describe --all-groups"),
    Call("live group describe", CONSUMER_GROUPS, "--describe --group live", before="a member joins"),
    Call("live group members", CONSUMER_GROUPS, "--describe --group live --members --verbose"),
    Call("live group state", CONSUMER_GROUPS, "--describe --group live --state"),
    Call("live group reset", CONSUMER_GROUPS, "--reset-offsets --group live --topic talk --to-earliest --execute"),
    Call("live group delete", CONSUMER_GROUPS, "--delete --group live"),
    Call("live group delete offsets", CONSUMER_GROUPS, "--delete-offsets --group live --topic talk"),
    Call("left group", CONSUMER_GROUPS, "--describe --group live", before="the member leaves"),
    Call("groups reset dry", CONSUMER_GROUPS, "--reset-offsets --group listeners --topic talk --to-earliest --dry-run"),
    Call("groups reset", CONSUMER_GROUPS, "--reset-offsets --group listeners --topic talk --to-earliest --execute"),
    Call(
        "groups reset latest", CONSUMER_GROUPS, "--reset-offsets --group listeners --topic talk:0 --to-latest --execute"
    ),
    Call(
        "groups reset shift",
        CONSUMER_GROUPS,
        "--reset-offsets --group listeners --topic talk --shift-by -100 --execute",
    ),
    Call(
        "groups reset to", CONSUMER_GROUPS, "--reset-offsets --group listeners --topic talk --to-offset 999 --execute"
    ),
    Call(
        "groups reset dur",
        CONSUMER_GROUPS,
        "--reset-offsets --group listeners --topic talk --by-duration P1D --execute",
    ),
    Call(
        "groups reset time",
        CONSUMER_GROUPS,
        "--reset-offsets --group listeners --topic talk --to-datetime 2035-01-01T00:00:00.000 --execute",
    ),
    Call(
        "groups reset file",
        CONSUMER_GROUPS,
        "--reset-offsets --group listeners --from-file {files}/reset.csv --execute",
    ),
    Call(
        "groups reset absent topic",
        CONSUMER_GROUPS,
        "--reset-offsets --group listeners --topic absent --to-earliest --execute",
    ),
    Call(
        "groups reset new group", CONSUMER_GROUPS, "--reset-offsets --group fresh --all-topics --to-earliest --execute"
    ),
    Call("groups delete offsets", CONSUMER_GROUPS, "--delete-offsets --group listeners --topic talk"),
    Call("groups delete offsets absent", CONSUMER_GROUPS, "--delete-offsets --group listeners --topic absent"),
    Call("groups delete offsets absent group", CONSUMER_GROUPS, "--delete-offsets --group absent --topic talk"),
    Call("groups delete group", CONSUMER_GROUPS, "--delete --group listeners"),
    Call("groups delete group absent", CONSUMER_GROUPS, "--delete --group absent"),
    Call("kafka-groups", GROUPS, "--list"),
    Call("kafka-groups consumer", GROUPS, "--list --consumer"),
    Call("share groups", SHARE_GROUPS, "--list"),
    Call("share groups d", SHARE_GROUPS, "--describe --group s"),
    Call("streams groups", STREAMS_GROUPS, "--list"),
    Call("streams groups d", STREAMS_GROUPS, "--describe --group s"),
    Call("get-offsets", GET_OFFSETS, "--topic talk"),
    Call("get-offsets all", GET_OFFSETS, ""),
    Call("get-offsets earliest", GET_OFFSETS, "--topic talk --time earliest"),
    Call("get-offsets max", GET_OFFSETS, "--topic talk --time max-timestamp"),
    Call("get-offsets local", GET_OFFSETS, "--topic talk --time earliest-local"),
    Call("get-offsets tiered", GET_OFFSETS, "--topic talk --time latest-tiered"),
    Call("get-offsets pending", GET_OFFSETS, "--topic talk --time earliest-pending-upload"),
    Call("get-offsets time", GET_OFFSETS, "--topic talk --time 1000"),
    Call("get-offsets future", GET_OFFSETS, "--topic talk --time 3000000000000"),
    Call("get-offsets tp", GET_OFFSETS, "--topic-partitions talk:1,made:0-2"),
    Call("get-offsets absent", GET_OFFSETS, "--topic absent"),
    Call("delete-records", DELETE_RECORDS, "--offset-json-file {files}/delete.json"),
    Call("delete-records bad", DELETE_RECORDS, "--offset-json-file {files}/delete-absent.json", timeout_s=5),
    Call("log-dirs", LOG_DIRS, "--describe --topic-list talk,made"),
    Call("log-dirs b1", LOG_DIRS, "--describe --broker-list 1 --topic-list talk"),
    Call("log-dirs b9", LOG_DIRS, "--describe --broker-list 9"),
    Call("transactions list", TRANSACTIONS, "list", before="a transaction is open"),
    Call("transactions list f", TRANSACTIONS, "list --transactional-id-pattern 'op.*' --duration-filter 0"),
    Call("transactions describe", TRANSACTIONS, "describe --transactional-id open"),
    Call("transactions describe absent", TRANSACTIONS, "describe --transactional-id absent"),
    Call("transactions producers", TRANSACTIONS, "describe-producers --topic talk --partition 0"),
    Call("transactions producers absent", TRANSACTIONS, "describe-producers --topic absent --partition 0", timeout_s=5),
    Call("transactions hanging", TRANSACTIONS, "find-hanging --broker-id 1"),
    Call("transactions hanging t", TRANSACTIONS, "find-hanging --topic talk --max-transaction-timeout 1"),
    Call("transactions abort bad", TRANSACTIONS, "abort --topic talk --partition 0 --start-offset 77"),
    Call("transactions force", TRANSACTIONS, "forceTerminateTransaction --transactionalId open"),
    Call("transactions force absent", TRANSACTIONS, "forceTerminateTransaction --transactionalId absent"),
    Call("transactions list after", TRANSACTIONS, "list"),
    Call("get-offsets committed", GET_OFFSETS, "--topic talk"),
    Call("acls add", ACLS, "--add --allow-principal User:bob --operation Read --topic talk"),
    Call(
        "acls add2",
        ACLS,
        "--add --deny-principal User:eve --deny-host 10.0.0.1 --operation Write --topic java- "
        "--resource-pattern-type prefixed",
    ),
    Call("acls producer", ACLS, "--add --allow-principal User:p --producer --topic talk --transactional-id x"),
    Call("acls list", ACLS, "--list"),
    Call("acls list p", ACLS, "--list --principal User:bob"),
    Call("acls list t", ACLS, "--list --topic java-x --resource-pattern-type match"),
    Call("acls remove", ACLS, "--remove --force --allow-principal User:bob --operation Read --topic talk"),
    Call("acls remove all", ACLS, "--remove --force --topic java- --resource-pattern-type prefixed"),
    Call("acls bad", ACLS, "--add --allow-principal bob --operation Read --topic talk"),
    Call("acls list end", ACLS, "--list"),
    Call("features", FEATURES, "describe"),
    Call("features up", FEATURES, "upgrade --feature transaction.version=2"),
    Call("features unk", FEATURES, "upgrade --feature nonsense=2"),
    Call("features down", FEATURES, "downgrade --feature group.version=0"),
    Call("features hi", FEATURES, "upgrade --feature transaction.version=9"),
    Call("quorum", METADATA_QUORUM, "describe --status"),
    Call("quorum r", METADATA_QUORUM, "describe --replication"),
    Call(
        "quorum rm",
        METADATA_QUORUM,
        "remove-controller --controller-id 1 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAQ",
    ),
    Call("elect all", LEADER_ELECTION, "--election-type preferred --all-topic-partitions"),
    Call("elect one", LEADER_ELECTION, "--election-type preferred --topic made --partition 0"),
    Call("elect unclean", LEADER_ELECTION, "--election-type unclean --path-to-json-file {files}/elect.json"),
    Call("elect absent", LEADER_ELECTION, "--election-type preferred --path-to-json-file {files}/elect-absent.json"),
    Call("reassign gen", REASSIGN, "--generate --topics-to-move-json-file {files}/move-topics.json --broker-list 1"),
    Call("reassign exec", REASSIGN, "--execute --reassignment-json-file {files}/stay.json"),
    Call("reassign verify", REASSIGN, "--verify --reassignment-json-file {files}/stay.json"),
    Call("reassign exec bad", REASSIGN, "--execute --reassignment-json-file {files}/move.json"),
    Call("reassign list", REASSIGN, "--list"),
    Call("reassign cancel", REASSIGN, "--cancel --reassignment-json-file {files}/stay.json"),
    Call("cluster id", CLUSTER, "cluster-id"),
    Call("cluster endpoints", CLUSTER, "list-endpoints"),
    Call("cluster unregister", CLUSTER, "unregister --id 9"),
    Call("topics create vt", TOPICS, "--create --topic vt"),
    Call("verifiable producer", VERIFIABLE_PRODUCER, "--topic vt --max-messages 20 --throughput -1"),
    Call(
        "verifiable consumer", VERIFIABLE_CONSUMER, "--topic vt --group-id vc --max-messages 20 --reset-policy earliest"
    ),
    Call("verifiable producer absent", VERIFIABLE_PRODUCER, "--topic absent --max-messages 1", timeout_s=5),
    Call(
        "producer performance", PRODUCER_PERFORMANCE, "--topic talk --num-records 500 --record-size 100 --throughput -1"
    ),
    Call(
        "producer performance tx",
        PRODUCER_PERFORMANCE,
        "--topic talk --num-records 500 --record-size 100 --throughput -1 "
        "--transactional-id perf --transaction-duration-ms 200",
    ),
    Call("consumer performance", CONSUMER_PERFORMANCE, "--topic talk --num-records 1000 --timeout 10000"),
    Call("latency", END_TO_END_LATENCY, "--topic talk --num-records 20 --producer-acks all --record-size 20"),
    Call("streams reset dry", STREAMS_RESET, "--application-id app --input-topics talk --dry-run"),
    Call("streams reset", STREAMS_RESET, "--application-id app --input-topics talk"),
    Call("streams reset absent", STREAMS_RESET, "--application-id app --input-topics absent"),
    Call("streams reset internal", STREAMS_RESET, "--application-id app2 --intermediate-topics made"),
    Call("delegation token", DELEGATION_TOKENS, "--create --max-life-time-period 1000 --command-config /dev/null"),
    Call("topics list end", TOPICS, "--list"),
)
