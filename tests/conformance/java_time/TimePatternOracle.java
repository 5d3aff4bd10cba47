import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalQueries;
import java.util.Locale;

/**
 * Formats and parses by patterns. A question is a line of tab-separated parts: F, pattern, zone, epoch milliseconds; or
 * P, pattern, zone, text. The answer is a text, or epoch milliseconds, or an exclamation mark for a refusal.
 */
public final class TimePatternOracle {
    private static String format(String pattern, ZoneId zone, long millis) {
        return DateTimeFormatter.ofPattern(pattern, Locale.US).format(Instant.ofEpochMilli(millis).atZone(zone));
    }

    /** What the text does not say is that of 1970-01-01T00:00; what it says is set field by field, the year last. */
    private static String parse(String pattern, ZoneId zone, String text) {
        TemporalAccessor parsed = new DateTimeFormatterBuilder()
                .parseCaseInsensitive().appendPattern(pattern).toFormatter(Locale.US).parse(text);
        ZoneId found = parsed.query(TemporalQueries.zone());
        ZonedDateTime moment = ZonedDateTime.of(1970, 1, 1, 0, 0, 0, 0, found == null ? zone : found);
        for (ChronoField field : ChronoField.values()) {
            if (parsed.isSupported(field)) {
                if (field == ChronoField.DAY_OF_YEAR && parsed.isSupported(ChronoField.YEAR)) {
                    moment = moment.withYear(parsed.get(ChronoField.YEAR)); // only a leap year has 366 days
                }
                moment = moment.with(field, parsed.getLong(field));
            }
        }
        return Long.toString(moment.toInstant().toEpochMilli());
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split("\t", -1);
            try {
                ZoneId zone = ZoneId.of(parts[2]);
                out.println(parts[0].equals("F")
                        ? format(parts[1], zone, Long.parseLong(parts[3]))
                        : parse(parts[1], zone, parts[3]));
            } catch (RuntimeException error) {
                out.println("!" + error.getMessage());
            }
        }
        out.flush();
    }
}
