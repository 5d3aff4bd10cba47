import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** The same workloads as applications are commonly written: records and states are trees of Jackson's ObjectMapper. */
final class OrdersTrees {
  static final ObjectMapper MAPPER = new ObjectMapper();

  static final Serde<JsonNode> TREE =
      Serdes.serdeFrom(
          (topic, node) -> {
            try {
              return node == null ? null : MAPPER.writeValueAsBytes(node);
            } catch (IOException error) {
              throw new UncheckedIOException(error);
            }
          },
          (topic, data) -> {
            try {
              return data == null ? null : MAPPER.readTree(data);
            } catch (IOException error) {
              throw new UncheckedIOException(error);
            }
          });

  static JsonNode start() {
    return MAPPER.createObjectNode().put("C", 0L).put("S", 0.0);
  }

  static JsonNode add(JsonNode order, JsonNode total) {
    ObjectNode sum = (ObjectNode) total;
    sum.put("C", sum.get("C").asLong() + 1);
    return sum.put("S", sum.get("S").asDouble() + order.get("orderunits").asDouble());
  }

  static JsonNode project(JsonNode order) {
    ObjectNode projected = MAPPER.createObjectNode();
    projected.set("ITEMID", order.get("itemid"));
    return projected.put("X", order.get("orderunits").asDouble() * 2);
  }

  static JsonNode count(JsonNode total) {
    ObjectNode sum = (ObjectNode) total;
    return sum.put("C", sum.get("C").asLong() + 1);
  }

  static JsonNode units(JsonNode order) {
    return MAPPER.createObjectNode().put("ORDERUNITS", order.get("orderunits").asDouble());
  }

  static JsonNode largest(JsonNode order, JsonNode found) {
    ObjectNode state = (ObjectNode) found;
    state.put("C", state.get("C").asLong() + 1);
    return state.put("M", Math.max(state.get("M").asDouble(), order.get("ORDERUNITS").asDouble()));
  }

  static void build(StreamsBuilder builder, String mode, String input, String output, Runnable counter) {
    Serde<String> text = Serdes.String();
    KStream<String, JsonNode> orders =
        builder.stream(input, Consumed.with(text, TREE)).peek((key, value) -> counter.run());
    Duration window = OrdersStreams.WINDOW;
    switch (mode) {
      case "filter" ->
          orders
              .filter((key, order) -> order.get("orderunits").asDouble() > 50)
              .mapValues(OrdersTrees::project)
              .to(output, Produced.with(text, TREE));
      case "group" ->
          orders
              .groupByKey()
              .aggregate(OrdersTrees::start, (key, order, total) -> add(order, total), Materialized.with(text, TREE))
              .toStream()
              .to(output, Produced.with(text, TREE));
      case "window" ->
          orders
              .groupByKey()
              .windowedBy(TimeWindows.ofSizeAndGrace(window, Duration.ofDays(1)))
              .aggregate(OrdersTrees::start, (key, order, total) -> add(order, total), Materialized.with(text, TREE))
              .toStream()
              .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, window.toMillis()), TREE));
      case "keys" ->
          orders
              .groupByKey()
              .aggregate(
                  () -> MAPPER.createObjectNode().put("C", 0L),
                  (key, order, total) -> count(total),
                  Materialized.with(text, TREE))
              .toStream()
              .to(output, Produced.with(text, TREE));
      case "exactly-once" ->
          orders
              .map((key, order) -> KeyValue.pair(order.get("itemid").asText(), units(order)))
              .groupByKey(Grouped.with(text, TREE))
              .windowedBy(TimeWindows.ofSizeAndGrace(window, Duration.ofDays(1)))
              .aggregate(
                  () -> MAPPER.createObjectNode().put("C", 0L).put("M", 0.0),
                  (key, order, found) -> largest(order, found),
                  Materialized.with(text, TREE))
              .toStream()
              .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, window.toMillis()), TREE));
      default -> throw new IllegalArgumentException(mode);
    }
  }
}
