import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/**
 * The application of kappaflow.testing.handover in Java: totals over a repartition topic, counts by window and by session, final
 * results, a join with a table and one with a stream.
 *
 * <p>Settings are arguments of the form name=value. It prints its topology, then "reached" when it takes the event with
 * the number stop.at, and stands still there. The end of input closes it.
 */
public final class Handover {
    private static final Serde<String> TEXT = Serdes.String();
    private static final long WINDOW_MS = 10_000;

    private final long stopAt;
    private final CountDownLatch released = new CountDownLatch(1);

    private Handover(long stopAt) {
        this.stopAt = stopAt;
    }

    private void check(String value) {
        if (Long.parseLong(value.substring(value.lastIndexOf(',') + 1)) == stopAt) {
            System.out.println("reached");
            try {
                released.await();
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static String add(String value, String total) {
        String[] had = total.split(",");
        long amount = Long.parseLong(value.split(",")[1]);
        return (Long.parseLong(had[0]) + 1) + "," + (Long.parseLong(had[1]) + amount);
    }

    private void build(StreamsBuilder builder) {
        KTable<String, String> users = builder.table("users", Consumed.with(TEXT, TEXT));
        KStream<String, String> events =
            builder.stream("events", Consumed.with(TEXT, TEXT)).peek((key, value) -> check(value));
        KStream<String, String> clicks = builder.stream("clicks", Consumed.with(TEXT, TEXT));
        var windowed = WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW_MS);

        events.groupBy((key, value) -> value.split(",")[0], Grouped.with(TEXT, TEXT))
            .aggregate(() -> "0,0", (key, value, total) -> add(value, total), Materialized.with(TEXT, TEXT))
            .toStream()
            .to("totals-out", Produced.with(TEXT, TEXT));
        events.groupByKey(Grouped.with(TEXT, TEXT))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(WINDOW_MS), Duration.ofDays(1)))
            .count()
            .toStream()
            .to("windows-out", Produced.with(windowed, Serdes.Long()));
        events.groupByKey(Grouped.with(TEXT, TEXT))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(WINDOW_MS), Duration.ofSeconds(5)))
            .count()
            .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
            .toStream()
            .to("final-out", Produced.with(windowed, Serdes.Long()));
        events.groupByKey(Grouped.with(TEXT, TEXT))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofSeconds(3), Duration.ofDays(1)))
            .count()
            .toStream()
            .to("sessions-out", Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long()));
        events.join(users, (value, row) -> value + "@" + row, Joined.with(TEXT, TEXT, TEXT))
            .to("enriched-out", Produced.with(TEXT, TEXT));
        events.leftJoin(
                clicks,
                (value, click) -> value + "&" + click,
                JoinWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(5), Duration.ofMinutes(10)),
                StreamJoined.with(TEXT, TEXT, TEXT))
            .to("near-out", Produced.with(TEXT, TEXT));
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        for (String argument : arguments) {
            int at = argument.indexOf('=');
            settings.put(argument.substring(0, at), argument.substring(at + 1));
        }
        Handover application = new Handover(Long.parseLong(settings.remove("stop.at").toString()));
        // How often unmatched records are looked for goes by the clock; here each record is a reason.
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        StreamsBuilder builder = new StreamsBuilder();
        application.build(builder);
        var topology = builder.build(settings);
        System.out.print(topology.describe());
        System.out.println("described");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((state, before) -> {
            if (state == KafkaStreams.State.PENDING_SHUTDOWN) {
                application.released.countDown();
            }
        });
        streams.start();
        while (System.in.read() >= 0) {
            // until the input ends
        }
        streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
            .withTimeout(Duration.ofSeconds(30)));
        System.exit(0);
    }
}
