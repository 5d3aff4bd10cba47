import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs described topologies on described records in Kafka Streams' own test driver and prints what they write.
 *
 * One JSON document a line comes in, one goes out: topic -> list of [key, value, timestamp, headers], bytes in Base64.
 * Keys are texts; values are comma-separated columns of which the first is a number or empty.
 */
public final class TraceTopologies {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Serde<String> TEXT = Serdes.String();

    private final JsonNode document;
    private final StreamsBuilder builder = new StreamsBuilder();
    private final Map<String, Object> made = new HashMap<>();

    private TraceTopologies(JsonNode document) {
        this.document = document;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.println(JSON.writeValueAsString(new TraceTopologies(JSON.readTree(line)).run()));
            out.flush();
        }
    }

    // ---- the functions that both sides have ----

    private static Long first(String value) {
        int comma = value.indexOf(',');
        String head = comma < 0 ? value : value.substring(0, comma);
        return head.isEmpty() ? null : Long.valueOf(head);
    }

    private static String rest(String value) {
        int comma = value.indexOf(',');
        return comma < 0 ? "" : value.substring(comma);
    }

    private static boolean keeps(JsonNode node, String value) {
        if (value == null) {
            return node.path("nulls").asBoolean();
        }
        Long number = first(value);
        return number != null && number >= node.get("min").asLong();
    }

    private static String add(JsonNode node, String value) {
        if (value == null) {
            return null;
        }
        Long number = first(value);
        return (number == null ? "" : Long.toString(number + node.get("add").asLong())) + rest(value);
    }

    private static String group(JsonNode node, String value) {
        Long number = value == null ? null : first(value);
        if (number == null) {
            return null;
        }
        long remainder = Math.floorMod(number, node.get("mod").asLong());
        return remainder == 0 && node.path("nulls").asBoolean() ? null : "k" + remainder;
    }

    private static String fold(String value, String state) {
        String[] parts = state.split(",", -1);
        long count = Long.parseLong(parts[0]) + 1;
        long sum = Long.parseLong(parts[1]);
        String max = parts[2];
        Long number = value == null ? null : first(value);
        if (number != null) {
            sum += number;
            max = max.isEmpty() ? number.toString() : Long.toString(Math.max(number, Long.parseLong(max)));
        }
        return count + "," + sum + "," + max;
    }

    private static String merge(String left, String right) {
        String[] a = left.split(",", -1);
        String[] b = right.split(",", -1);
        String max = a[2].isEmpty() ? b[2] : b[2].isEmpty() ? a[2]
            : Long.toString(Math.max(Long.parseLong(a[2]), Long.parseLong(b[2])));
        return (Long.parseLong(a[0]) + Long.parseLong(b[0])) + "," + (Long.parseLong(a[1]) + Long.parseLong(b[1]))
            + "," + max;
    }

    private static String shift(String value, String state, int sign) {
        String[] parts = state.split(",", -1);
        Long number = first(value);
        return (Long.parseLong(parts[0]) + sign) + ","
            + (Long.parseLong(parts[1]) + sign * (number == null ? 0 : number));
    }

    private static ValueJoiner<String, String, String> joiner(JsonNode node) {
        String noLeft = ",".repeat(node.get("left_width").asInt() - 1);
        String noRight = ",".repeat(node.get("right_width").asInt() - 1);
        return (left, right) -> (left == null ? noLeft : left) + "," + (right == null ? noRight : right);
    }

    // ---- from the description to the DSL ----

    @SuppressWarnings("unchecked")
    private <T> T parent(JsonNode node, int index) {
        return (T) made.get(node.get("parents").get(index).asText());
    }

    private <S extends org.apache.kafka.streams.processor.StateStore> Materialized<String, String, S> store(JsonNode node) {
        return Materialized.<String, String, S>as(node.get("store").asText())
            .withKeySerde(TEXT).withValueSerde(TEXT).withCachingDisabled();
    }

    private Object make(JsonNode node) {
        switch (node.get("op").asText()) {
            case "stream":
                return builder.stream(node.get("topic").asText(), Consumed.with(TEXT, TEXT));
            case "table":
                return node.get("store").asText().isEmpty()
                    ? builder.table(node.get("topic").asText(), Consumed.with(TEXT, TEXT))
                    : builder.table(node.get("topic").asText(), Consumed.with(TEXT, TEXT),
                        this.<KeyValueStore<Bytes, byte[]>>store(node));
            case "filter":
                return this.<KStream<Object, String>>parent(node, 0).filter((k, v) -> keeps(node, v));
            case "map":
                return this.<KStream<Object, String>>parent(node, 0).mapValues(v -> add(node, v));
            case "flat_map":
                return this.<KStream<Object, String>>parent(node, 0).flatMapValues(v -> {
                    List<String> values = new ArrayList<>();
                    for (int i = 0; v != null && first(v) != null && i < Math.floorMod(first(v), 3L); i++) {
                        values.add((first(v) + i) + rest(v));
                    }
                    return values;
                });
            case "select_key":
                return this.<KStream<String, String>>parent(node, 0).selectKey((k, v) -> group(node, v));
            case "repartition":
                return this.<KStream<String, String>>parent(node, 0)
                    .repartition(Repartitioned.<String, String>as(node.get("name").asText())
                        .withKeySerde(TEXT).withValueSerde(TEXT));
            case "merge":
                return this.<KStream<String, String>>parent(node, 0).merge(parent(node, 1));
            case "to_stream":
                return this.<KTable<Object, String>>parent(node, 0).toStream();
            case "sink":
                return sink(node);
            case "group_by_key":
                return this.<KStream<String, String>>parent(node, 0).groupByKey(Grouped.with(TEXT, TEXT));
            case "group":
                return this.<KStream<String, String>>parent(node, 0)
                    .groupBy((k, v) -> group(node, v), Grouped.with(node.get("name").asText(), TEXT, TEXT));
            default:
                return makeStateful(node);
        }
    }

    private Object sink(JsonNode node) {
        String topic = node.get("topic").asText();
        switch (node.path("window").asText("")) {
            case "time":
                this.<KStream<Windowed<String>, String>>parent(node, 0).to(topic, Produced.with(
                    WindowedSerdes.timeWindowedSerdeFrom(String.class, node.get("size").asLong()), TEXT));
                return topic;
            case "session":
                this.<KStream<Windowed<String>, String>>parent(node, 0).to(topic, Produced.with(
                    WindowedSerdes.sessionWindowedSerdeFrom(String.class), TEXT));
                return topic;
            default:
                this.<KStream<String, String>>parent(node, 0).to(topic, Produced.with(TEXT, TEXT));
                return topic;
        }
    }

    private Object makeStateful(JsonNode node) {
        switch (node.get("op").asText()) {
            case "aggregate":
                return this.<KGroupedStream<String, String>>parent(node, 0).aggregate(
                    () -> "0,0,", (k, v, s) -> fold(v, s), this.<KeyValueStore<Bytes, byte[]>>store(node));
            case "windowed":
                return windowed(node);
            case "session":
                return session(node);
            case "table_filter":
                return this.<KTable<Object, String>>parent(node, 0).filter((k, v) -> keeps(node, v));
            case "table_map":
                return this.<KTable<Object, String>>parent(node, 0).mapValues(v -> add(node, v));
            case "group_table":
                return this.<KTable<String, String>>parent(node, 0).groupBy(
                    (k, v) -> KeyValue.pair(group(node, v), v), Grouped.with(node.get("name").asText(), TEXT, TEXT));
            case "table_aggregate":
                return this.<KGroupedTable<String, String>>parent(node, 0).aggregate(
                    () -> "0,0", (k, v, s) -> shift(v, s, 1), (k, v, s) -> shift(v, s, -1),
                    this.<KeyValueStore<Bytes, byte[]>>store(node));
            case "suppress":
                return this.<KTable<Windowed<String>, String>>parent(node, 0).suppress(
                    Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
            case "join_table":
                KStream<String, String> stream = parent(node, 0);
                KTable<String, String> table = parent(node, 1);
                Joined<String, String, String> joined = Joined.with(TEXT, TEXT, TEXT);
                return node.get("left").asBoolean() ? stream.leftJoin(table, joiner(node), joined)
                    : stream.join(table, joiner(node), joined);
            case "table_join":
                return tableJoin(node);
            case "stream_join":
                return streamJoin(node);
            default:
                throw new IllegalArgumentException(node.toString());
        }
    }

    private Object windowed(JsonNode node) {
        Duration size = Duration.ofMillis(node.get("size").asLong());
        Duration grace = Duration.ofMillis(node.get("grace").asLong());
        TimeWindows windows = TimeWindows.ofSizeAndGrace(size, grace)
            .advanceBy(Duration.ofMillis(node.get("advance").asLong()));
        TimeWindowedKStream<String, String> stream =
            this.<KGroupedStream<String, String>>parent(node, 0).windowedBy(windows);
        if (node.path("final").asBoolean()) {
            stream = stream.emitStrategy(EmitStrategy.onWindowClose());
        }
        return stream.aggregate(() -> "0,0,", (k, v, s) -> fold(v, s), this.<WindowStore<Bytes, byte[]>>store(node));
    }

    private Object session(JsonNode node) {
        Duration gap = Duration.ofMillis(node.get("gap").asLong());
        Duration grace = Duration.ofMillis(node.get("grace").asLong());
        SessionWindowedKStream<String, String> stream = this.<KGroupedStream<String, String>>parent(node, 0)
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(gap, grace));
        if (node.path("final").asBoolean()) {
            stream = stream.emitStrategy(EmitStrategy.onWindowClose());
        }
        return stream.aggregate(() -> "0,0,", (k, v, s) -> fold(v, s), (k, a, b) -> merge(a, b),
            this.<SessionStore<Bytes, byte[]>>store(node));
    }

    private Object tableJoin(JsonNode node) {
        KTable<String, String> left = parent(node, 0);
        KTable<String, String> right = parent(node, 1);
        switch (node.get("kind").asText()) {
            case "inner":
                return left.join(right, joiner(node));
            case "left":
                return left.leftJoin(right, joiner(node));
            default:
                return left.outerJoin(right, joiner(node));
        }
    }

    private Object streamJoin(JsonNode node) {
        KStream<String, String> left = parent(node, 0);
        KStream<String, String> right = parent(node, 1);
        JoinWindows windows = JoinWindows
            .ofTimeDifferenceAndGrace(Duration.ofMillis(0), Duration.ofMillis(node.get("grace").asLong()))
            .before(Duration.ofMillis(node.get("before").asLong()))
            .after(Duration.ofMillis(node.get("after").asLong()));
        StreamJoined<String, String, String> joined = StreamJoined.with(TEXT, TEXT, TEXT)
            .withName(node.get("id").asText()).withStoreName(node.get("id").asText());
        switch (node.get("kind").asText()) {
            case "inner":
                return left.join(right, joiner(node), windows, joined);
            case "left":
                return left.leftJoin(right, joiner(node), windows, joined);
            default:
                return left.outerJoin(right, joiner(node), windows, joined);
        }
    }

    // ---- records in and out ----

    private ObjectNode run() {
        for (JsonNode node : document.get("nodes")) {
            made.put(node.get("id").asText(), make(node));
        }
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, document.get("application").asText());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:1");
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        document.get("settings").properties().forEach(e -> settings.put(e.getKey(), e.getValue().asText()));
        ObjectNode result = JSON.createObjectNode();
        try (TopologyTestDriver driver = new TopologyTestDriver(builder.build(settings), settings, Instant.EPOCH)) {
            pipe(driver);
            for (String topic : new TreeMap<>(topics()).keySet()) {
                ArrayNode rows = result.putArray(topic);
                driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer())
                    .readRecordsToList().forEach(record -> write(rows.addArray(), record));
            }
        }
        return result;
    }

    private Map<String, Boolean> topics() {
        Map<String, Boolean> found = new HashMap<>();
        document.get("outputs").forEach(topic -> found.put(topic.asText(), true));
        return found;
    }

    private void pipe(TopologyTestDriver driver) {
        Map<String, TestInputTopic<byte[], byte[]>> inputs = new HashMap<>();
        for (JsonNode row : document.get("records")) {
            RecordHeaders headers = new RecordHeaders();
            for (JsonNode header : row.get(4)) {
                headers.add(header.get(0).asText(), bytes(header.get(1)));
            }
            inputs.computeIfAbsent(row.get(0).asText(), topic -> driver.createInputTopic(topic,
                    new ByteArraySerializer(), new ByteArraySerializer()))
                .pipeInput(new TestRecord<>(bytes(row.get(1)), bytes(row.get(2)), headers, row.get(3).asLong()));
        }
    }

    private static byte[] bytes(JsonNode node) {
        return node.isNull() ? null : Base64.getDecoder().decode(node.asText());
    }

    private static void text(ArrayNode row, byte[] data) {
        if (data == null) {
            row.addNull();
        } else {
            row.add(Base64.getEncoder().encodeToString(data));
        }
    }

    private static void write(ArrayNode row, TestRecord<byte[], byte[]> record) {
        text(row, record.key());
        text(row, record.value());
        row.add(record.timestamp());
        ArrayNode headers = row.addArray();
        for (Header header : record.headers()) {
            ArrayNode pair = headers.addArray();
            pair.add(header.key());
            text(pair, header.value());
        }
    }
}
