import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Merges two streams and looks their records up in a table: what is written, and in which order, says in which order
 * records of the three topics were taken. Settings are arguments of the form name=value; the end of input ends it.
 */
public final class ChosenOrder {
    private static final Serde<String> TEXT = Serdes.String();

    private ChosenOrder() {
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        for (String argument : arguments) {
            int at = argument.indexOf('=');
            settings.put(argument.substring(0, at), argument.substring(at + 1));
        }
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> left = builder.stream("left", Consumed.with(TEXT, TEXT));
        KStream<String, String> right = builder.stream("right", Consumed.with(TEXT, TEXT));
        KTable<String, String> rows = builder.table("rows", Consumed.with(TEXT, TEXT));
        left.merge(right).leftJoin(rows, (value, row) -> value + "/" + row, Joined.with(TEXT, TEXT, TEXT))
            .to("chosen", Produced.with(TEXT, TEXT).withStreamPartitioner((topic, key, value, count) ->
                Optional.of(Set.of(Character.digit(key.charAt(0), 10)))));
        try (KafkaStreams streams = new KafkaStreams(builder.build(settings), settings)) {
            streams.start();
            while (System.in.read() >= 0) {
                // until the input ends
            }
        }
    }
}
