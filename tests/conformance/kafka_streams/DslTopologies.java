import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.TopicNameExtractor;
import org.apache.kafka.streams.processor.internals.StreamTask;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Builds described programs of the streams DSL, prints how Kafka Streams describes them and what they write.
 *
 * One JSON document a line comes in, one goes out. Keys and values are texts; null in a joiner shows as "-".
 */
@SuppressWarnings({"unchecked", "rawtypes"})
public final class DslTopologies {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Serde<String> TEXT = Serdes.String();
    private static final String[] KEYS = {"a", "b", "c", "k0", "k1", "k2", "k3", "kn", "none"};

    private final JsonNode document;
    private final StreamsBuilder builder = new StreamsBuilder();
    private final Map<String, Object> made = new HashMap<>();

    private DslTopologies(JsonNode document) {
        this.document = document;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode result = JSON.createObjectNode();
            try {
                new DslTopologies(JSON.readTree(line)).run(result);
            } catch (RuntimeException | ReflectiveOperationException error) {
                result.put("error", error.getClass().getSimpleName() + ": " + error.getMessage());
            }
            out.println(JSON.writeValueAsString(result));
            out.flush();
        }
    }

    // ---- the functions that both sides have ----

    private static String cap(String text) {
        return text.length() <= 24 ? text : text.substring(text.length() - 24);
    }

    private static String shown(Object text) {
        return text == null ? "-" : text.toString();
    }

    private static String key(Object key) {
        if (key instanceof Windowed) {
            Windowed<?> windowed = (Windowed<?>) key;
            return windowed.key() + "@" + windowed.window().start() + "-" + windowed.window().end();
        }
        return (String) key;
    }

    private static boolean keeps(JsonNode op, Object key, String value) {
        return value == null ? op.path("nulls").asBoolean() : value.length() % op.get("mod").asInt() != 0;
    }

    private static String add(JsonNode op, String value) {
        return value == null ? null : cap(value + op.get("add").asText());
    }

    private static String group(JsonNode op, String value) {
        if (value == null) {
            return op.path("nulls").asBoolean() ? null : "kn";
        }
        int remainder = value.length() % op.get("mod").asInt();
        return remainder == 0 && op.path("nulls").asBoolean() ? null : "k" + remainder;
    }

    private static String join(Object left, Object right) {
        return cap(shown(left) + "+" + shown(right));
    }

    private static String fold(Object key, String value, String aggregate) {
        return cap(aggregate + shown(value));
    }

    // ---- options ----

    private static Named named(JsonNode op) {
        return op.has("name") ? Named.as(op.get("name").asText()) : null;
    }

    private Materialized materialized(JsonNode op, Serde valueSerde) {
        Materialized made = op.path("store").asText("").isEmpty() ? Materialized.with(TEXT, valueSerde)
            : op.has("history")
            ? Materialized.as(Stores.persistentVersionedKeyValueStore(op.get("store").asText(), ms(op, "history")))
            : Materialized.as(op.get("store").asText());
        made = made.withKeySerde(TEXT).withValueSerde(valueSerde);
        if (op.path("memory").asBoolean()) {
            made = made.withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY);
        }
        return op.path("uncached").asBoolean() ? made.withCachingDisabled() : made;
    }

    private Grouped<String, String> grouped(JsonNode op) {
        return op.has("name") ? Grouped.with(op.get("name").asText(), TEXT, TEXT) : Grouped.with(TEXT, TEXT);
    }

    private static Duration ms(JsonNode op, String field) {
        return Duration.ofMillis(op.get(field).asLong());
    }

    private KStream<String, String> stream(JsonNode op) {
        return (KStream<String, String>) made.get(op.get("in").get(0).asText());
    }

    private KStream<String, String> other(JsonNode op) {
        return (KStream<String, String>) made.get(op.get("in").get(1).asText());
    }

    private KTable<Object, String> table(JsonNode op) {
        return (KTable<Object, String>) made.get(op.get("in").get(0).asText());
    }

    private KTable<Object, String> otherTable(JsonNode op) {
        return (KTable<Object, String>) made.get(op.get("in").get(1).asText());
    }

    // ---- operators ----

    private Object make(JsonNode op) {
        Named name = named(op);
        switch (op.get("op").asText()) {
            case "stream": {
                List<String> topics = new ArrayList<>();
                op.get("topics").forEach(topic -> topics.add(topic.asText()));
                Consumed<String, String> consumed = Consumed.with(TEXT, TEXT);
                if (op.has("shift")) {
                    long shift = op.get("shift").asLong();
                    consumed = consumed.withTimestampExtractor(
                        (record, partitionTime) -> Math.max(record.timestamp() + shift, partitionTime));
                }
                return builder.stream(topics, name == null ? consumed : consumed.withName(op.get("name").asText()));
            }
            case "table": {
                Consumed<String, String> consumed = Consumed.with(TEXT, TEXT);
                if (name != null) {
                    consumed = consumed.withName(op.get("name").asText());
                }
                return op.has("store")
                    ? builder.table(op.get("topic").asText(), consumed, materialized(op, TEXT))
                    : builder.table(op.get("topic").asText(), consumed);
            }
            case "global_table":
                return builder.globalTable(op.get("topic").asText(), Consumed.with(TEXT, TEXT));
            case "global_store": {
                String own = op.get("store").asText();
                builder.addGlobalStore(
                    Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(own), TEXT, TEXT).withLoggingDisabled(),
                    op.get("topic").asText(), Consumed.with(TEXT, TEXT), () -> new Filling(own));
                return own;
            }
            case "look_up": {
                String looked = (String) made.get(op.get("in").get(1).asText());
                return name == null ? stream(op).process(() -> new Looking(op, looked))
                    : stream(op).process(() -> new Looking(op, looked), name);
            }
            case "print": {
                Printed<String, String> printed = Printed.toFile("/dev/null");
                stream(op).print(name == null ? printed : printed.withName(op.get("name").asText()));
                return "";
            }
            case "filter":
                return name == null ? stream(op).filter((k, v) -> keeps(op, k, v))
                    : stream(op).filter((k, v) -> keeps(op, k, v), name);
            case "filter_not":
                return name == null ? stream(op).filterNot((k, v) -> keeps(op, k, v))
                    : stream(op).filterNot((k, v) -> keeps(op, k, v), name);
            case "map_values":
                return name == null ? stream(op).mapValues(v -> add(op, v)) : stream(op).mapValues(v -> add(op, v), name);
            case "flat_map_values": {
                ValueMapper<String, Iterable<String>> mapper = v -> {
                    List<String> all = new ArrayList<>();
                    for (int i = 0; v != null && i < v.length() % 3; i++) {
                        all.add(cap(v + i));
                    }
                    return all;
                };
                return name == null ? stream(op).flatMapValues(mapper) : stream(op).flatMapValues(mapper, name);
            }
            case "map": {
                KeyValueMapper<String, String, KeyValue<String, String>> mapper =
                    (k, v) -> KeyValue.pair(group(op, v), add(op, v));
                return name == null ? stream(op).map(mapper) : stream(op).map(mapper, name);
            }
            case "flat_map": {
                KeyValueMapper<String, String, Iterable<KeyValue<String, String>>> mapper = (k, v) -> {
                    List<KeyValue<String, String>> all = new ArrayList<>();
                    for (int i = 0; v != null && i < v.length() % 3; i++) {
                        all.add(KeyValue.pair("k" + i, v));
                    }
                    return all;
                };
                return name == null ? stream(op).flatMap(mapper) : stream(op).flatMap(mapper, name);
            }
            case "select_key":
                return name == null ? stream(op).selectKey((k, v) -> group(op, v))
                    : stream(op).selectKey((k, v) -> group(op, v), name);
            case "peek":
                return name == null ? stream(op).peek((k, v) -> { }) : stream(op).peek((k, v) -> { }, name);
            case "merge":
                return name == null ? stream(op).merge(other(op)) : stream(op).merge(other(op), name);
            case "branch": {
                BranchedKStream<String, String> split = name == null ? stream(op).split() : stream(op).split(name);
                Map<String, KStream<String, String>> branches = split
                    .branch((k, v) -> v != null && v.length() % op.get("mod").asInt() == 0, Branched.as("first"))
                    .branch((k, v) -> k == null, Branched.as("second"))
                    .defaultBranch(Branched.as("rest"));
                String wanted = op.get("branch").asText();
                return branches.entrySet().stream().filter(e -> e.getKey().endsWith(wanted)).findFirst().get()
                    .getValue();
            }
            case "repartition": {
                Repartitioned<String, String> repartitioned = Repartitioned.with(TEXT, TEXT);
                return stream(op).repartition(name == null ? repartitioned
                    : repartitioned.withName(op.get("name").asText()));
            }
            case "process":
                builder.addStateStore(Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore(op.get("store").asText()), TEXT, TEXT));
                return name == null
                    ? stream(op).process(() -> new Remembering(op), op.get("store").asText())
                    : stream(op).process(() -> new Remembering(op), name, op.get("store").asText());
            case "versions":
                builder.addStateStore(Stores.versionedKeyValueStoreBuilder(
                    Stores.persistentVersionedKeyValueStore(op.get("store").asText(), ms(op, "history")), TEXT, TEXT));
                return name == null
                    ? stream(op).process(() -> new Versioning(op), op.get("store").asText())
                    : stream(op).process(() -> new Versioning(op), name, op.get("store").asText());
            case "windows": {
                String own = op.get("store").asText();
                boolean memory = op.path("memory").asBoolean();
                Duration kept = ms(op, "retention");
                Duration size = Duration.ofMillis(5);
                builder.addStateStore(Stores.windowStoreBuilder(memory
                    ? Stores.inMemoryWindowStore(own + "-w", kept, size, false)
                    : Stores.persistentWindowStore(own + "-w", kept, size, false), TEXT, TEXT));
                builder.addStateStore(Stores.sessionStoreBuilder(memory
                    ? Stores.inMemorySessionStore(own + "-s", kept)
                    : Stores.persistentSessionStore(own + "-s", kept), TEXT, TEXT));
                builder.addStateStore(Stores.keyValueStoreBuilder(Stores.lruMap(own + "-l", 2), TEXT, TEXT));
                String[] all = {own + "-w", own + "-s", own + "-l"};
                return name == null ? stream(op).process(() -> new Windowing(op), all)
                    : stream(op).process(() -> new Windowing(op), name, all);
            }
            case "with_keys":
                return name == null ? stream(op).filter((k, v) -> k != null) : stream(op).filter((k, v) -> k != null, name);
            case "process_values":
                builder.addStateStore(Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore(op.get("store").asText()), TEXT, TEXT));
                return name == null
                    ? stream(op).processValues(() -> new Numbering(op), op.get("store").asText())
                    : stream(op).processValues(() -> new Numbering(op), name, op.get("store").asText());
            case "to_table":
                if (op.has("store")) {
                    return name == null ? stream(op).toTable(materialized(op, TEXT))
                        : stream(op).toTable(name, materialized(op, TEXT));
                }
                return name == null ? stream(op).toTable(Materialized.with(TEXT, TEXT))
                    : stream(op).toTable(name, Materialized.with(TEXT, TEXT));
            case "to": {
                Produced<String, String> produced = Produced.with(TEXT, TEXT);
                produced = name == null ? produced : produced.withName(op.get("name").asText());
                if (op.has("drops")) {
                    StreamPartitioner<String, String> dropping = (topic, k, v, n) -> Optional.of(
                        v != null && v.length() % op.get("drops").asInt() == 0 ? Set.of() : Set.of(0));
                    produced = produced.withStreamPartitioner(dropping);
                }
                if (op.path("chosen").asBoolean()) {
                    stream(op).to(new Chosen(op.get("topic").asText()), produced);
                } else {
                    stream(op).to(op.get("topic").asText(), produced);
                }
                return "";
            }
            case "foreach":
                if (name == null) {
                    stream(op).foreach((k, v) -> { });
                } else {
                    stream(op).foreach((k, v) -> { }, name);
                }
                return "";
            case "group_by_key":
                return stream(op).groupByKey(grouped(op));
            case "group_by":
                return stream(op).groupBy((k, v) -> group(op, v), grouped(op));
            case "aggregate":
                return aggregate(op);
            case "cogroup":
                return cogroup(op);
            case "join_streams":
                return joinStreams(op);
            case "join_table": {
                Joined<String, String, String> joined = Joined.with(TEXT, TEXT, TEXT);
                if (name != null) {
                    joined = joined.withName(op.get("name").asText());
                }
                if (op.has("grace")) {
                    joined = joined.withGracePeriod(ms(op, "grace"));
                }
                KTable<String, String> right = (KTable<String, String>) made.get(op.get("in").get(1).asText());
                return op.get("kind").asText().equals("left")
                    ? stream(op).leftJoin(right, DslTopologies::join, joined)
                    : stream(op).join(right, DslTopologies::join, joined);
            }
            case "join_global": {
                GlobalKTable<String, String> right = (GlobalKTable<String, String>) made.get(op.get("in").get(1).asText());
                KeyValueMapper<String, String, String> key = (k, v) -> group(op, v);
                ValueJoiner<String, String, String> joiner = DslTopologies::join;
                if (name != null) {
                    return op.get("kind").asText().equals("left") ? stream(op).leftJoin(right, key, joiner, name)
                        : stream(op).join(right, key, joiner, name);
                }
                return op.get("kind").asText().equals("left") ? stream(op).leftJoin(right, key, joiner)
                    : stream(op).join(right, key, joiner);
            }
            default:
                return tables(op, name);
        }
    }

    private Object tables(JsonNode op, Named name) {
        Materialized kept = op.has("store") || op.path("materialized").asBoolean() ? materialized(op, TEXT) : null;
        if (kept != null && op.path("windowed").asBoolean()) {
            kept = null;
        }
        switch (op.get("op").asText()) {
            case "table_filter": {
                Predicate<Object, String> predicate = (k, v) -> keeps(op, k, v);
                if (kept != null) {
                    return name == null ? table(op).filter(predicate, kept) : table(op).filter(predicate, name, kept);
                }
                return name == null ? table(op).filter(predicate) : table(op).filter(predicate, name);
            }
            case "table_filter_not": {
                Predicate<Object, String> predicate = (k, v) -> keeps(op, k, v);
                if (kept != null) {
                    return name == null ? table(op).filterNot(predicate, kept)
                        : table(op).filterNot(predicate, name, kept);
                }
                return name == null ? table(op).filterNot(predicate) : table(op).filterNot(predicate, name);
            }
            case "table_map_values": {
                ValueMapper<String, String> mapper = v -> add(op, v);
                if (kept != null) {
                    return name == null ? table(op).mapValues(mapper, kept) : table(op).mapValues(mapper, name, kept);
                }
                return name == null ? table(op).mapValues(mapper) : table(op).mapValues(mapper, name);
            }
            case "transform_values": {
                ValueTransformerWithKeySupplier<Object, String, String> supplier = () -> new Transforming(op);
                if (kept != null) {
                    return name == null ? table(op).transformValues(supplier, kept)
                        : table(op).transformValues(supplier, kept, name);
                }
                return name == null ? table(op).transformValues(supplier) : table(op).transformValues(supplier, name);
            }
            case "to_stream":
                if (op.path("windowed").asBoolean()) {
                    return name == null ? table(op).toStream((k, v) -> key(k)) : table(op).toStream((k, v) -> key(k), name);
                }
                return name == null ? table(op).toStream() : table(op).toStream(name);
            case "suppress": {
                if (op.path("final").asBoolean()) {
                    Suppressed untilClosed =
                        Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded());
                    return ((KTable) table(op)).suppress(
                        name == null ? untilClosed : ((Suppressed) untilClosed).withName(op.get("name").asText()));
                }
                Suppressed.EagerBufferConfig buffer = op.has("bytes")
                    ? Suppressed.BufferConfig.maxBytes(op.get("bytes").asLong())
                    : op.has("records") ? Suppressed.BufferConfig.maxRecords(op.get("records").asLong())
                    : Suppressed.BufferConfig.maxRecords(Long.MAX_VALUE);
                Suppressed<Object> limit = Suppressed.untilTimeLimit(ms(op, "wait"), buffer);
                return table(op).suppress(name == null ? limit : limit.withName(op.get("name").asText()));
            }
            case "table_group_by": {
                KeyValueMapper<Object, String, KeyValue<String, String>> selector =
                    (k, v) -> KeyValue.pair(group(op, v), cap(shown(key(k)) + v));
                KGroupedTable<String, String> grouped = table(op).groupBy(selector, grouped(op));
                return grouped;
            }
            case "table_aggregate":
                return tableAggregate(op, name);
            case "join_tables": {
                ValueJoiner<String, String, String> joiner = DslTopologies::join;
                String kind = op.get("kind").asText();
                if (kept != null) {
                    return kind.equals("inner")
                        ? name == null ? table(op).join(otherTable(op), joiner, kept) : table(op).join(otherTable(op), joiner, name, kept)
                        : kind.equals("left")
                        ? name == null ? table(op).leftJoin(otherTable(op), joiner, kept) : table(op).leftJoin(otherTable(op), joiner, name, kept)
                        : name == null ? table(op).outerJoin(otherTable(op), joiner, kept) : table(op).outerJoin(otherTable(op), joiner, name, kept);
                }
                return kind.equals("inner")
                    ? name == null ? table(op).join(otherTable(op), joiner) : table(op).join(otherTable(op), joiner, name)
                    : kind.equals("left")
                    ? name == null ? table(op).leftJoin(otherTable(op), joiner) : table(op).leftJoin(otherTable(op), joiner, name)
                    : name == null ? table(op).outerJoin(otherTable(op), joiner) : table(op).outerJoin(otherTable(op), joiner, name);
            }
            case "join_foreign": {
                KTable<String, String> left = (KTable) table(op);
                KTable<String, String> right = (KTable) otherTable(op);
                java.util.function.Function<String, String> foreign = v -> group(op, v);
                ValueJoiner<String, String, String> joiner = DslTopologies::join;
                TableJoined<String, String> joined = name == null ? TableJoined.with(null, null)
                    : TableJoined.as(op.get("name").asText());
                Materialized result = materialized(op, TEXT);
                return op.get("kind").asText().equals("left")
                    ? left.leftJoin(right, foreign, joiner, joined, result)
                    : left.join(right, foreign, joiner, joined, result);
            }
            default:
                throw new IllegalArgumentException("no operator " + op);
        }
    }

    private static String text(Object number) {
        return number == null ? null : number.toString();
    }

    private Object aggregate(JsonNode op) {
        KGroupedStream<String, String> grouped = (KGroupedStream<String, String>) made.get(op.get("in").get(0).asText());
        Named name = named(op);
        String window = op.path("window").asText("");
        String how = op.get("how").asText();
        boolean stored = op.has("store");
        Materialized kept = materialized(op, how.equals("count") ? Serdes.Long() : TEXT);
        Initializer<String> initializer = () -> "i";
        Aggregator<String, String, String> folding = DslTopologies::fold;
        Reducer<String> reducer = DslTopologies::join;
        if (window.isEmpty()) {
            switch (how) {
                case "count": {
                    KTable<String, Long> counted = stored
                        ? name == null ? grouped.count(kept) : grouped.count(name, kept)
                        : name == null ? grouped.count() : grouped.count(name);
                    return counted.mapValues(DslTopologies::text);
                }
                case "reduce":
                    return stored ? name == null ? grouped.reduce(reducer, kept) : grouped.reduce(reducer, name, kept)
                        : grouped.reduce(reducer);
                default:
                    return name == null ? grouped.aggregate(initializer, folding, kept)
                        : grouped.aggregate(initializer, folding, name, kept);
            }
        }
        EmitStrategy strategy = op.path("final").asBoolean()
            ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
        if (window.equals("session")) {
            SessionWindowedKStream<String, String> windowed = grouped.windowedBy(
                SessionWindows.ofInactivityGapAndGrace(ms(op, "gap"), ms(op, "grace"))).emitStrategy(strategy);
            Merger<String, String> merger = (k, left, right) -> join(left, right);
            switch (how) {
                case "count": {
                    KTable<Windowed<String>, Long> counted = stored
                        ? name == null ? windowed.count(kept) : windowed.count(name, kept)
                        : name == null ? windowed.count() : windowed.count(name);
                    return counted.mapValues(DslTopologies::text);
                }
                case "reduce":
                    return stored ? name == null ? windowed.reduce(reducer, kept) : windowed.reduce(reducer, name, kept)
                        : name == null ? windowed.reduce(reducer) : windowed.reduce(reducer, name);
                default:
                    return name == null ? windowed.aggregate(initializer, folding, merger, kept)
                        : windowed.aggregate(initializer, folding, merger, name, kept);
            }
        }
        TimeWindowedKStream<String, String> windowed;
        switch (window) {
            case "sliding":
                windowed = grouped.windowedBy(
                    SlidingWindows.ofTimeDifferenceAndGrace(ms(op, "size"), ms(op, "grace")));
                break;
            case "unlimited":
                windowed = grouped.windowedBy(UnlimitedWindows.of().startOn(Instant.ofEpochMilli(op.get("start").asLong())));
                break;
            default:
                windowed = grouped.windowedBy(
                    TimeWindows.ofSizeAndGrace(ms(op, "size"), ms(op, "grace")).advanceBy(ms(op, "advance")));
        }
        if (op.path("final").asBoolean()) {
            windowed = windowed.emitStrategy(strategy);
        }
        switch (how) {
            case "count": {
                KTable<Windowed<String>, Long> counted = stored
                    ? name == null ? windowed.count(kept) : windowed.count(name, kept)
                    : name == null ? windowed.count() : windowed.count(name);
                return counted.mapValues(DslTopologies::text);
            }
            case "reduce":
                return stored ? name == null ? windowed.reduce(reducer, kept) : windowed.reduce(reducer, name, kept)
                    : name == null ? windowed.reduce(reducer) : windowed.reduce(reducer, name);
            default:
                return name == null ? windowed.aggregate(initializer, folding, kept)
                    : windowed.aggregate(initializer, folding, name, kept);
        }
    }

    private Object cogroup(JsonNode op) {
        CogroupedKStream<String, String> cogrouped = null;
        for (JsonNode input : op.get("in")) {
            KGroupedStream<String, String> grouped = (KGroupedStream<String, String>) made.get(input.asText());
            Aggregator<String, String, String> folding = (k, v, a) -> cap(a + input.asText() + shown(v));
            cogrouped = cogrouped == null ? grouped.cogroup(folding) : cogrouped.cogroup(grouped, folding);
        }
        Named name = named(op);
        Materialized kept = materialized(op, TEXT);
        Initializer<String> initializer = () -> "i";
        switch (op.path("window").asText("")) {
            case "":
                return name == null ? cogrouped.aggregate(initializer, kept) : cogrouped.aggregate(initializer, name, kept);
            case "session": {
                SessionWindowedCogroupedKStream<String, String> windowed = cogrouped.windowedBy(
                    SessionWindows.ofInactivityGapAndGrace(ms(op, "gap"), ms(op, "grace")));
                Merger<String, String> merger = (k, left, right) -> join(left, right);
                return name == null ? windowed.aggregate(initializer, merger, kept)
                    : windowed.aggregate(initializer, merger, name, kept);
            }
            case "sliding": {
                TimeWindowedCogroupedKStream<String, String> windowed = cogrouped.windowedBy(
                    SlidingWindows.ofTimeDifferenceAndGrace(ms(op, "size"), ms(op, "grace")));
                return name == null ? windowed.aggregate(initializer, kept) : windowed.aggregate(initializer, name, kept);
            }
            default: {
                TimeWindowedCogroupedKStream<String, String> windowed = cogrouped.windowedBy(
                    TimeWindows.ofSizeAndGrace(ms(op, "size"), ms(op, "grace")).advanceBy(ms(op, "advance")));
                return name == null ? windowed.aggregate(initializer, kept) : windowed.aggregate(initializer, name, kept);
            }
        }
    }

    private Object tableAggregate(JsonNode op, Named name) {
        KGroupedTable<String, String> grouped = (KGroupedTable<String, String>) made.get(op.get("in").get(0).asText());
        Reducer<String> adder = DslTopologies::join;
        Reducer<String> subtractor = (a, v) -> cap(a + "~" + v);
        boolean stored = op.has("store");
        Materialized kept = materialized(op, op.get("how").asText().equals("count") ? Serdes.Long() : TEXT);
        switch (op.get("how").asText()) {
            case "count": {
                KTable<String, Long> counted = stored
                    ? name == null ? grouped.count(kept) : grouped.count(name, kept)
                    : name == null ? grouped.count() : grouped.count(name);
                return counted.mapValues(DslTopologies::text);
            }
            case "reduce":
                return stored
                    ? name == null ? grouped.reduce(adder, subtractor, kept) : grouped.reduce(adder, subtractor, name, kept)
                    : grouped.reduce(adder, subtractor);
            default: {
                Aggregator<String, String, String> adding = DslTopologies::fold;
                Aggregator<String, String, String> subtracting = (k, v, a) -> cap(a + "~" + v);
                return name == null ? grouped.aggregate(() -> "i", adding, subtracting, kept)
                    : grouped.aggregate(() -> "i", adding, subtracting, name, kept);
            }
        }
    }

    private Object joinStreams(JsonNode op) {
        JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, ms(op, "grace"))
            .after(ms(op, "after")).before(ms(op, "before"));
        StreamJoined<String, String, String> joined = StreamJoined.with(TEXT, TEXT, TEXT);
        if (op.has("name")) {
            joined = joined.withName(op.get("name").asText());
        }
        if (op.has("store")) {
            joined = joined.withStoreName(op.get("store").asText());
        }
        ValueJoiner<String, String, String> joiner = DslTopologies::join;
        switch (op.get("kind").asText()) {
            case "inner":
                return stream(op).join(other(op), joiner, windows, joined);
            case "left":
                return stream(op).leftJoin(other(op), joiner, windows, joined);
            default:
                return stream(op).outerJoin(other(op), joiner, windows, joined);
        }
    }

    /** Forwards each record with what came before it under its key, and all that it knows once an interval. */
    private static final class Remembering extends ContextualProcessor<String, String, String, String> {
        private final JsonNode op;
        private KeyValueStore<String, String> store;

        Remembering(JsonNode op) {
            this.op = op;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            super.init(context);
            store = context.getStateStore(op.get("store").asText());
            if (op.path("interval").asLong() > 0) {
                PunctuationType type = op.path("wall").asBoolean()
                    ? PunctuationType.WALL_CLOCK_TIME : PunctuationType.STREAM_TIME;
                Cancellable[] scheduled = {null};
                int[] left = {op.path("times").asInt(Integer.MAX_VALUE)};
                scheduled[0] = context.schedule(ms(op, "interval"), type, now -> {
                    List<Record<String, String>> all = new ArrayList<>();
                    store.all().forEachRemaining(each -> all.add(new Record<>(each.key, cap("all" + each.value), now)));
                    all.forEach(context::forward);
                    context.forward(new Record<>("near", near(), now));
                    if (--left[0] == 0) {
                        scheduled[0].cancel();
                    }
                });
            }
        }

        /** The keys of parts of the store, forwards and backwards. */
        private String near() {
            StringBuilder found = new StringBuilder();
            try (var some = store.range("a", "k0")) {
                some.forEachRemaining(each -> found.append(each.key));
            }
            try (var some = store.reverseRange("b", "k1")) {
                some.forEachRemaining(each -> found.append("<").append(each.key));
            }
            try (var some = store.reverseAll()) {
                some.forEachRemaining(each -> found.append("-").append(each.key));
            }
            try (var some = store.prefixScan("k", new StringSerializer())) {
                some.forEachRemaining(each -> found.append("*").append(each.key));
            }
            return found.toString();
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null || record.value() == null) {
                context().forward(record.withKey("none"));
                return;
            }
            String before = store.get(record.key());
            store.put(record.key(), record.value());
            context().forward(record.withKey(record.key() + "!").withValue(cap(shown(before) + record.value())));
        }
    }

    /** Keeps what a topic has in a global store, with a mark. */
    private static final class Filling extends ContextualProcessor<String, String, Void, Void> {
        private final String own;

        Filling(String own) {
            this.own = own;
        }

        @Override
        public void process(Record<String, String> record) {
            KeyValueStore<String, String> store = context().getStateStore(own);
            store.put(record.key(), record.value() == null ? null : cap(record.value() + "!"));
        }
    }

    /** Looks what each record refers to up in a global store. */
    private static final class Looking extends ContextualProcessor<String, String, String, String> {
        private final JsonNode op;
        private final String looked;

        Looking(JsonNode op, String looked) {
            this.op = op;
            this.looked = looked;
        }

        @Override
        public void process(Record<String, String> record) {
            KeyValueStore<String, String> store = context().getStateStore(looked);
            String key = group(op, record.value());
            context().forward(record.withValue(join(record.value(), key == null ? null : store.get(key))));
        }
    }

    /** Writes deletions to a topic of their own. */
    private static final class Chosen implements TopicNameExtractor<String, String> {
        private final String topic;

        Chosen(String topic) {
            this.topic = topic;
        }

        @Override
        public String extract(String key, String value, RecordContext context) {
            return topic + (value == null ? "-null" : "");
        }

        @Override
        public String toString() {
            return "chosen";
        }
    }

    /** Puts the key before a value, and says something of deletions too if it is to. */
    private static final class Transforming implements ValueTransformerWithKey<Object, String, String> {
        private final JsonNode op;

        Transforming(JsonNode op) {
            this.op = op;
        }

        @Override
        public void init(org.apache.kafka.streams.processor.ProcessorContext context) {
        }

        @Override
        public String transform(Object key, String value) {
            if (value == null) {
                return op.path("nulls").asBoolean() ? "gone" : null;
            }
            return cap(shown(key(key)) + value);
        }

        @Override
        public void close() {
        }
    }

    /** Keeps each record in a store of windows, one of sessions and one of few keys, and tells what is near. */
    private static final class Windowing extends ContextualProcessor<String, String, String, String> {
        private final JsonNode op;
        private WindowStore<String, String> windows;
        private SessionStore<String, String> sessions;
        private KeyValueStore<String, String> few;

        Windowing(JsonNode op) {
            this.op = op;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            super.init(context);
            String own = op.get("store").asText();
            windows = context.getStateStore(own + "-w");
            sessions = context.getStateStore(own + "-s");
            few = context.getStateStore(own + "-l");
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null) {
                return;
            }
            String key = record.key();
            String value = record.value();
            long at = record.timestamp();
            List<String> near = new ArrayList<>();
            windows.put(key, value, at / 5 * 5);
            try (var found = windows.fetch(key, at - 20, at + 5)) {
                found.forEachRemaining(each -> near.add(each.key + "=" + each.value));
            }
            try (var found = windows.fetchAll(at - 9, at)) {
                found.forEachRemaining(each -> near.add(each.key.key() + each.key.window().start() + "=" + each.value));
            }
            try (var found = windows.backwardFetch(key, at - 20, at + 5)) {
                found.forEachRemaining(each -> near.add("<" + each.key));
            }
            try (var found = windows.fetch("a", "k0", at - 9, at)) {
                found.forEachRemaining(each -> near.add(each.key.key() + "-" + each.key.window().start()));
            }
            try (var found = windows.backwardFetch("b", "k1", at - 9, at)) {
                found.forEachRemaining(each -> near.add(each.key.key() + "<" + each.key.window().start()));
            }
            try (var found = windows.backwardAll()) {
                found.forEachRemaining(each -> near.add(each.key.key() + "<<" + each.key.window().start()));
            }
            sessions.put(new Windowed<>(key, new SessionWindow(Math.max(0, at - 3), at)), value);
            try (var found = sessions.findSessions(key, at - 20, at + 5)) {
                found.forEachRemaining(each -> near.add(
                    each.key.window().start() + "-" + each.key.window().end() + "=" + each.value));
            }
            try (var found = sessions.backwardFindSessions(key, at - 20, at + 5)) {
                found.forEachRemaining(each -> near.add("<" + each.key.window().end()));
            }
            try (var found = sessions.findSessions("a", "k0", at - 20, at + 5)) {
                found.forEachRemaining(each -> near.add(each.key.key() + "~" + each.key.window().end()));
            }
            try (var found = sessions.backwardFetch(key)) {
                found.forEachRemaining(each -> near.add("<<" + each.key.window().end()));
            }
            if (value != null) {
                few.put(key, value);
            }
            near.add(shown(few.get("a")));
            try (var found = few.all()) {
                found.forEachRemaining(each -> near.add(each.key + "=" + each.value));
            }
            context().forward(record.withValue(String.join("|", near)));
        }
    }

    /** Puts each record into a versioned store and tells what that did, and what was valid some time before. */
    private static final class Versioning extends ContextualProcessor<String, String, String, String> {
        private final JsonNode op;
        private VersionedKeyValueStore<String, String> store;

        Versioning(JsonNode op) {
            this.op = op;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            super.init(context);
            store = context.getStateStore(op.get("store").asText());
        }

        private static String told(VersionedRecord<String> version) {
            return version == null ? "-" : version.value() + ":" + version.timestamp();
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null) {
                return;
            }
            String did;
            if (record.value() == null) {
                did = told(store.delete(record.key(), record.timestamp()));
            } else {
                long validTo = store.put(record.key(), record.value(), record.timestamp());
                did = validTo == VersionedKeyValueStore.PUT_RETURN_CODE_NOT_PUT ? "no" : Long.toString(validTo);
            }
            String before = told(store.get(record.key(), record.timestamp() - op.get("back").asLong()));
            context().forward(record.withValue(did + "|" + before + "|" + told(store.get(record.key()))));
        }
    }

    /** Numbers the records of each key. */
    private static final class Numbering extends ContextualFixedKeyProcessor<String, String, String> {
        private final JsonNode op;
        private KeyValueStore<String, String> store;

        Numbering(JsonNode op) {
            this.op = op;
        }

        @Override
        public void init(FixedKeyProcessorContext<String, String> context) {
            super.init(context);
            store = context.getStateStore(op.get("store").asText());
        }

        @Override
        public void process(FixedKeyRecord<String, String> record) {
            if (record.key() == null) {
                return;
            }
            String before = store.get(record.key());
            int number = before == null ? 1 : Integer.parseInt(before) + 1;
            store.put(record.key(), Integer.toString(number));
            context().forward(record.withValue(cap(shown(record.value()) + number)));
        }
    }

    // ---- running ----

    private void run(ObjectNode result) throws ReflectiveOperationException {
        for (JsonNode op : document.get("ops")) {
            made.put(op.get("id").asText(), make(op));
        }
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        String roomy = document.has("cache_bytes") ? document.get("cache_bytes").asText() : "100000000";
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, document.has("commit_every") ? roomy : "0");
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class.getName());
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class.getName());
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        if (document.has("optimize")) {
            settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, document.get("optimize").asText());
        }
        Topology topology = builder.build(settings);
        result.put("describe", topology.describe().toString());
        ObjectNode outputs = result.putObject("outputs");
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, settings, Instant.EPOCH)) {
            Map<String, TestInputTopic<byte[], byte[]>> inputs = new HashMap<>();
            Commits commits = document.has("commit_every")
                ? new Commits(driver, document.get("commit_every").asInt()) : null;
            int position = 0;
            for (JsonNode record : document.get("records")) {
                for (JsonNode tick : document.path("ticks")) {
                    if (tick.get(0).asInt() == position) {
                        driver.advanceWallClockTime(Duration.ofMillis(tick.get(1).asLong()));
                    }
                }
                position++;
                RecordHeaders headers = new RecordHeaders();
                record.get(4).forEach(each -> headers.add(each.get(0).asText(), bytes(each.get(1))));
                if (commits != null && !record.get(0).asText().startsWith("g")) {
                    commits.pipe(record.get(0).asText(), record.get(3).asLong(), bytes(record.get(1)),
                        bytes(record.get(2)), headers);
                    continue;
                }
                inputs.computeIfAbsent(record.get(0).asText(), topic ->
                        driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer()))
                    .pipeInput(new TestRecord<>(bytes(record.get(1)), bytes(record.get(2)), headers,
                        record.get(3).asLong()));
            }
            if (commits != null) {
                commits.commit();
            }
            ObjectNode stores = result.putObject("stores");
            driver.getAllStateStores().forEach((name, store) -> {
                if (isKeyValueStore(store, name)) {
                    contents(driver, name, stores);
                } else if (store instanceof VersionedKeyValueStore) {
                    versions((VersionedKeyValueStore<String, Object>) store, result.withObject("/versions").putArray(name));
                }
            });
            for (String topic : driver.producedTopicNames()) {
                ArrayNode rows = outputs.putArray(topic);
                driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer())
                    .readRecordsToList().forEach(record -> {
                        ArrayNode row = rows.addArray();
                        row.add(text(record.key()));
                        row.add(text(record.value()));
                        row.add(record.timestamp());
                        ArrayNode headers = row.addArray();
                        for (Header header : record.headers()) {
                            headers.addArray().add(header.key()).add(text(header.value()));
                        }
                    });
            }
        }
    }

    /** Commits after so many records, where the driver would after each. */
    private static final class Commits {
        private final TopologyTestDriver driver;
        private final StreamTask task;
        private final int every;
        private int processed;

        Commits(TopologyTestDriver driver, int every) throws ReflectiveOperationException {
            this.driver = driver;
            this.every = every;
            Field field = TopologyTestDriver.class.getDeclaredField("task");
            field.setAccessible(true);
            this.task = (StreamTask) field.get(driver);
        }

        private Object call(String name, Class<?>[] types, Object... arguments) throws ReflectiveOperationException {
            Method method = TopologyTestDriver.class.getDeclaredMethod(name, types);
            method.setAccessible(true);
            return method.invoke(driver, arguments);
        }

        void pipe(String topic, long time, byte[] key, byte[] value, RecordHeaders headers)
            throws ReflectiveOperationException {
            Object partition = call("getInputTopicOrPatternPartition", new Class<?>[] {String.class}, topic);
            call("enqueueTaskRecord",
                new Class<?>[] {String.class, TopicPartition.class, long.class, byte[].class, byte[].class, Headers.class},
                topic, partition, time, key, value, headers);
            work();
        }

        private void work() throws ReflectiveOperationException {
            task.resumePollingForPartitionsWithAvailableSpace();
            task.updateLags();
            while (task.hasRecordsQueued() && task.isProcessable(0)) {
                task.process(0);
                task.maybePunctuateStreamTime();
                if (++processed % every == 0) {
                    commitOnce();
                }
                call("captureOutputsAndReEnqueueInternalResults", new Class<?>[0]);
            }
        }

        private void commitOnce() throws ReflectiveOperationException {
            call("commit", new Class<?>[] {Map.class}, task.prepareCommit(true));
            task.postCommit(true);
        }

        void commit() throws ReflectiveOperationException {
            do {
                commitOnce();
                call("captureOutputsAndReEnqueueInternalResults", new Class<?>[0]);
                work();
            } while (task.commitNeeded());
        }
    }

    /** Keys, values and times of a store of keys and values, in the order of keys. */
    private static void contents(TopologyTestDriver driver, String name, ObjectNode stores) {
        Object store = driver.getAllStateStores().get(name);
        ArrayNode rows = stores.putArray(name);
        if (store instanceof TimestampedKeyValueStore) {
            ((TimestampedKeyValueStore<Object, Object>) store).all().forEachRemaining(each ->
                rows.addArray().add((String) each.key).add(text(each.value.value())).add(each.value.timestamp()));
        } else {
            ((KeyValueStore<Object, Object>) store).all().forEachRemaining(each ->
                rows.addArray().add((String) each.key).add(text(each.value)).add(-1));
        }
    }

    /** What was valid of some keys at the times of all records. */
    private void versions(VersionedKeyValueStore<String, Object> store, ArrayNode rows) {
        TreeSet<Long> times = new TreeSet<>();
        document.get("records").forEach(record -> times.add(record.get(3).asLong()));
        for (String key : KEYS) {
            for (Long time : times) {
                VersionedRecord<Object> found = store.get(key, time);
                if (found != null) {
                    rows.addArray().add(key).add(time).add(text(found.value())).add(found.timestamp());
                }
            }
        }
    }

    private static boolean isKeyValueStore(Object store, String name) {
        boolean isSubscription = name.contains("SUBSCRIPTION-STATE-STORE") || name.endsWith("-subscription-store");
        return store instanceof KeyValueStore && !isSubscription && !name.toLowerCase().contains("shared");
    }

    private static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String text(byte[] data) {
        return data == null ? null : Base64.getEncoder().encodeToString(data);
    }
}
