import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Orders "account amount" by any key: how many and how much by account, each update written, and the same by the
 * region of the account, for which the table is joined. Usage: ExactlyOnceTotals [name=value ...], properties of
 * Streams. Ends when standard input does.
 */
public final class ExactlyOnceTotals {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            properties.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        KafkaStreams streams = new KafkaStreams(topology(), properties);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((now, before) -> System.out.println(now));
        streams.start();
        while (System.in.read() >= 0) {
            continue;
        }
        streams.close(Duration.ofSeconds(20));
        System.exit(0);
    }

    private static org.apache.kafka.streams.Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, String> regions =
            builder.table("regions", Consumed.with(Serdes.String(), Serdes.String()));
        KStream<String, String> byAccount = builder
            .stream("orders", Consumed.with(Serdes.String(), Serdes.String()))
            .map((key, value) -> {
                String[] words = value.split(" ");
                return KeyValue.pair(words[0], words[1]);
            });
        totals(byAccount, "account-totals");
        KStream<String, String> byRegion = byAccount
            .join(regions, (amount, region) -> region + " " + amount)
            .map((account, value) -> {
                String[] words = value.split(" ");
                return KeyValue.pair(words[0], words[1]);
            });
        totals(byRegion, "region-totals");
        return builder.build();
    }

    /** Writes "count sum" by key, one update for each record. */
    private static void totals(KStream<String, String> amounts, String output) {
        amounts.groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .aggregate(
                () -> "0 0",
                (key, amount, total) -> {
                    String[] words = total.split(" ");
                    return (Long.parseLong(words[0]) + 1) + " " + (Long.parseLong(words[1]) + Long.parseLong(amount));
                },
                Materialized.with(Serdes.String(), Serdes.String()))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
    }
}
