import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/**
 * Joins, hopping windows and sessions, written for speed as OrdersStreams is: values are small records of the fields that
 * are needed, and join stores keep no more than those. Inputs are named with a comma between them.
 */
final class OrdersJoins {
  record Customer(String name) {}

  record Payment(double amount) {}

  record Named(String itemId, String name) {}

  record Paid(String itemId, double amount) {}

  private OrdersJoins() {}

  static String textOf(JsonParser parser, String wanted) throws IOException {
    String found = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      if (name.equals(wanted)) found = parser.getText();
      else parser.skipChildren();
    }
    return found;
  }

  static double numberOf(JsonParser parser, String wanted) throws IOException {
    double found = 0;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      if (name.equals(wanted)) found = parser.getDoubleValue();
      else parser.skipChildren();
    }
    return found;
  }

  /** Of an order, what joins need; it is read from orders and from stores. */
  static final Serde<String> ITEM =
      OrdersStreams.json(
          (generator, value) -> generator.writeStringField("itemid", value), parser -> textOf(parser, "itemid"));

  static final Serde<Customer> CUSTOMER =
      OrdersStreams.json(
          (generator, value) -> generator.writeStringField("name", value.name()),
          parser -> new Customer(textOf(parser, "name")));
  static final Serde<Payment> PAYMENT =
      OrdersStreams.json(
          (generator, value) -> generator.writeNumberField("amount", value.amount()),
          parser -> new Payment(numberOf(parser, "amount")));
  static final Serde<Named> NAMED =
      OrdersStreams.json(
          (generator, value) -> {
            generator.writeStringField("ITEMID", value.itemId());
            generator.writeStringField("NAME", value.name());
          },
          parser -> null);
  static final Serde<Paid> PAID =
      OrdersStreams.json(
          (generator, value) -> {
            generator.writeStringField("ITEMID", value.itemId());
            generator.writeNumberField("AMOUNT", value.amount());
          },
          parser -> null);

  static void build(StreamsBuilder builder, String mode, String[] inputs, String output, Runnable counter) {
    Serde<String> text = Serdes.String();
    switch (mode) {
      case "stream-table" -> {
        KTable<String, Customer> customers = builder.table(inputs[1], Consumed.with(text, CUSTOMER));
        builder.stream(inputs[0], Consumed.with(text, ITEM))
            .peek((key, item) -> counter.run())
            .join(customers, (item, customer) -> new Named(item, customer.name()), Joined.with(text, ITEM, CUSTOMER))
            .to(output, Produced.with(text, NAMED));
      }
      case "stream-stream" -> {
        Duration minute = Duration.ofMinutes(1);
        KStream<String, Payment> payments = builder.stream(inputs[1], Consumed.with(text, PAYMENT));
        builder.stream(inputs[0], Consumed.with(text, ITEM))
            .peek((key, item) -> counter.run())
            .join(
                payments,
                (item, payment) -> new Paid(item, payment.amount()),
                JoinWindows.ofTimeDifferenceAndGrace(minute, minute),
                StreamJoined.with(text, ITEM, PAYMENT))
            .to(output, Produced.with(text, PAID));
      }
      case "table-table" -> {
        KTable<String, Payment> payments = builder.table(inputs[1], Consumed.with(text, PAYMENT));
        builder.table(inputs[0], Consumed.with(text, ITEM))
            .join(payments, (item, payment) -> new Paid(item, payment.amount()))
            .toStream()
            .peek((key, paid) -> counter.run())
            .to(output, Produced.with(text, PAID));
      }
      default -> windows(builder, mode, inputs[0], output, counter);
    }
  }

  static void windows(StreamsBuilder builder, String mode, String input, String output, Runnable counter) {
    Serde<String> text = Serdes.String();
    var grouped =
        builder.stream(input, Consumed.with(text, OrdersStreams.ORDER)).peek((key, value) -> counter.run()).groupByKey();
    switch (mode) {
      case "session" ->
          grouped
              .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(2), Duration.ofDays(1)))
              .aggregate(
                  () -> new OrdersStreams.Total(0, 0.0),
                  (key, order, total) -> new OrdersStreams.Total(total.count() + 1, total.sum() + order.units()),
                  (key, one, two) -> new OrdersStreams.Total(one.count() + two.count(), one.sum() + two.sum()),
                  Materialized.with(text, OrdersStreams.TOTAL))
              .toStream()
              .to(output, Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), OrdersStreams.TOTAL));
      case "hopping" -> {
        Duration hour = Duration.ofHours(1);
        grouped
            .windowedBy(TimeWindows.ofSizeAndGrace(hour, Duration.ofDays(1)).advanceBy(Duration.ofMinutes(20)))
            .aggregate(
                () -> new OrdersStreams.Total(0, 0.0),
                (key, order, total) -> new OrdersStreams.Total(total.count() + 1, total.sum() + order.units()),
                Materialized.with(text, OrdersStreams.TOTAL))
            .toStream()
            .to(
                output,
                Produced.with(
                    WindowedSerdes.timeWindowedSerdeFrom(String.class, hour.toMillis()), OrdersStreams.TOTAL));
      }
      default -> throw new IllegalArgumentException(mode);
    }
  }
}
