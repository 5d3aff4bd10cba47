import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.StateRestoreListener;

/**
 * The benchmark's workloads in Kafka Streams, written for speed: streaming JSON without trees or reflection, one
 * aggregate object per record. Usage: OrdersStreams streaming|trees MODE INPUT OUTPUT [name=value ...], where
 * name=value are Streams properties; "trees" runs OrdersTrees instead, joins and more windows are in OrdersJoins. Prints
 * "P milliseconds records" four times a second, "R nanoseconds begin|end" where the restore of a partition begins and
 * ends, and ends when standard input closes.
 */
public final class OrdersStreams {
  static final JsonFactory JSON = new JsonFactory();
  static final Duration WINDOW = Duration.ofHours(1);

  static volatile long records;

  record Order(String itemId, double units) {}

  record Projected(String itemId, double x) {}

  record Total(long count, double sum) {}

  record Largest(long count, double units) {}

  interface Read<T> {
    T from(JsonParser parser) throws IOException;
  }

  interface Write<T> {
    void to(JsonGenerator generator, T value) throws IOException;
  }

  static <T> Serde<T> json(Write<T> write, Read<T> read) {
    return Serdes.serdeFrom(
        (topic, value) -> {
          if (value == null) return null;
          ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
          try (JsonGenerator generator = JSON.createGenerator(bytes)) {
            generator.writeStartObject();
            write.to(generator, value);
            generator.writeEndObject();
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
          return bytes.toByteArray();
        },
        (topic, data) -> {
          if (data == null) return null;
          try (JsonParser parser = JSON.createParser(data)) {
            parser.nextToken();
            return read.from(parser);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }

  static Order readOrder(JsonParser parser) throws IOException {
    String itemId = null;
    double units = 0;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      switch (name) {
        case "itemid" -> itemId = parser.getText();
        case "orderunits" -> units = parser.getDoubleValue();
        default -> parser.skipChildren();
      }
    }
    return new Order(itemId, units);
  }

  static Total readTotal(JsonParser parser) throws IOException {
    long count = 0;
    double sum = 0;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      if (name.equals("C")) count = parser.getLongValue();
      else sum = parser.getDoubleValue();
    }
    return new Total(count, sum);
  }

  static final Serde<Order> ORDER = json((generator, value) -> {}, OrdersStreams::readOrder);
  static final Serde<Projected> PROJECTED =
      json(
          (generator, value) -> {
            generator.writeStringField("ITEMID", value.itemId());
            generator.writeNumberField("X", value.x());
          },
          parser -> null);
  static final Serde<Total> TOTAL =
      json(
          (generator, value) -> {
            generator.writeNumberField("C", value.count());
            generator.writeNumberField("S", value.sum());
          },
          OrdersStreams::readTotal);
  static final Serde<Double> UNITS =
      json(
          (generator, value) -> generator.writeNumberField("ORDERUNITS", value),
          parser -> {
            parser.nextToken();
            parser.nextToken();
            return parser.getDoubleValue();
          });
  static final Serde<Largest> LARGEST =
      json(
          (generator, value) -> {
            generator.writeNumberField("C", value.count());
            generator.writeNumberField("M", value.units());
          },
          parser -> {
            Total read = readTotal(parser);
            return new Largest(read.count(), read.sum());
          });
  static final Serde<Long> COUNT =
      json(
          (generator, value) -> generator.writeNumberField("C", value),
          parser -> {
            parser.nextToken();
            return parser.nextLongValue(0);
          });

  static void build(StreamsBuilder builder, String mode, String input, String output) {
    Serde<String> text = Serdes.String();
    KStream<String, Order> orders =
        builder.stream(input, Consumed.with(text, ORDER)).peek((key, value) -> records = records + 1);
    switch (mode) {
      case "filter" ->
          orders
              .filter((key, order) -> order.units() > 50)
              .mapValues(order -> new Projected(order.itemId(), order.units() * 2))
              .to(output, Produced.with(text, PROJECTED));
      case "group" ->
          orders
              .groupByKey()
              .aggregate(
                  () -> new Total(0, 0.0),
                  (key, order, total) -> new Total(total.count() + 1, total.sum() + order.units()),
                  Materialized.with(text, TOTAL))
              .toStream()
              .to(output, Produced.with(text, TOTAL));
      case "window" ->
          orders
              .groupByKey()
              .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, Duration.ofDays(1)))
              .aggregate(
                  () -> new Total(0, 0.0),
                  (key, order, total) -> new Total(total.count() + 1, total.sum() + order.units()),
                  Materialized.with(text, TOTAL))
              .toStream()
              .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()), TOTAL));
      case "keys" ->
          orders
              .groupByKey()
              .aggregate(() -> 0L, (key, order, count) -> count + 1, Materialized.with(text, COUNT))
              .toStream()
              .to(output, Produced.with(text, COUNT));
      case "exactly-once" ->
          orders
              .map((key, order) -> KeyValue.pair(order.itemId(), order.units()))
              .groupByKey(Grouped.with(text, UNITS))
              .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, Duration.ofDays(1)))
              .aggregate(
                  () -> new Largest(0, 0.0),
                  (key, units, found) -> new Largest(found.count() + 1, Math.max(found.units(), units)),
                  Materialized.with(text, LARGEST))
              .toStream()
              .to(
                  output,
                  Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()), LARGEST));
      default -> throw new IllegalArgumentException(mode);
    }
  }

  /** Says when partitions of changelogs are restored. */
  static final class Restores implements StateRestoreListener {
    @Override
    public void onRestoreStart(TopicPartition partition, String store, long begin, long end) {
      System.out.println("R " + System.nanoTime() + " begin");
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long count) {
      System.out.println("R " + System.nanoTime() + " end");
    }
  }

  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    for (int i = 4; i < arguments.length; i++) {
      String[] pair = arguments[i].split("=", 2);
      properties.put(pair[0], pair[1]);
    }
    StreamsBuilder builder = new StreamsBuilder();
    String mode = arguments[1];
    if (mode.contains("-table") || mode.equals("stream-stream") || mode.equals("session") || mode.equals("hopping")) {
      OrdersJoins.build(builder, mode, arguments[2].split(","), arguments[3], () -> records = records + 1);
    } else if (mode.startsWith("formats-")) {
      OrdersFormats.build(builder, arguments[0], arguments[1], arguments[2], arguments[3], () -> records = records + 1);
    } else if (arguments[0].equals("trees")) {
      OrdersTrees.build(builder, arguments[1], arguments[2], arguments[3], () -> records = records + 1);
    } else {
      build(builder, arguments[1], arguments[2], arguments[3]);
    }
    KafkaStreams streams = new KafkaStreams(builder.build(properties), properties);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
    streams.setGlobalStateRestoreListener(new Restores());
    Thread reporter =
        new Thread(
            () -> {
              try {
                while (true) {
                  System.out.println("P " + System.currentTimeMillis() + " " + records);
                  Thread.sleep(250);
                }
              } catch (InterruptedException end) {
                Thread.currentThread().interrupt();
              }
            });
    reporter.setDaemon(true);
    reporter.start();
    streams.start();
    while (System.in.read() >= 0) {}
    streams.close(Duration.ofSeconds(30));
    System.exit(0);
  }
}
