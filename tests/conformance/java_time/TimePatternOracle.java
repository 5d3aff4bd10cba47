import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
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
    private static long field(TemporalAccessor parsed, ChronoField field, long otherwise) {
        return parsed.isSupported(field) ? parsed.getLong(field) : otherwise;
    }

    private static String format(String pattern, ZoneId zone, long millis) {
        return DateTimeFormatter.ofPattern(pattern, Locale.US).format(Instant.ofEpochMilli(millis).atZone(zone));
    }

    private static String parse(String pattern, ZoneId zone, String text) {
        TemporalAccessor parsed = new DateTimeFormatterBuilder()
                .parseCaseInsensitive().appendPattern(pattern).toFormatter(Locale.US).parse(text);
        ZoneId found = parsed.query(TemporalQueries.zone());
        LocalDate date = parsed.query(TemporalQueries.localDate());
        if (date == null) {
            long year = field(parsed, ChronoField.YEAR, field(parsed, ChronoField.YEAR_OF_ERA, 1970));
            date = parsed.isSupported(ChronoField.DAY_OF_YEAR)
                    ? LocalDate.ofYearDay((int) year, (int) parsed.getLong(ChronoField.DAY_OF_YEAR))
                    : LocalDate.of((int) year, (int) field(parsed, ChronoField.MONTH_OF_YEAR, 1),
                            (int) field(parsed, ChronoField.DAY_OF_MONTH, 1));
        }
        LocalTime time = parsed.query(TemporalQueries.localTime());
        if (time == null) {
            time = LocalTime.of((int) field(parsed, ChronoField.HOUR_OF_DAY, 0),
                    (int) field(parsed, ChronoField.MINUTE_OF_HOUR, 0),
                    (int) field(parsed, ChronoField.SECOND_OF_MINUTE, 0),
                    (int) field(parsed, ChronoField.NANO_OF_SECOND, 0));
        }
        return Long.toString(LocalDateTime.of(date, time).atZone(found == null ? zone : found).toInstant().toEpochMilli());
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
