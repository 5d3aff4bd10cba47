import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.TimeZone;
import org.apache.commons.lang3.time.FastDateFormat;

/** Reads texts by patterns: a question is a pattern, a tab and a text, the answer epoch milliseconds or "!". */
public final class LenientDateOracle {
    private static String answer(String pattern, String text) {
        try {
            TimeZone zone = TimeZone.getTimeZone("GMT");
            return Long.toString(FastDateFormat.getInstance(pattern, zone, Locale.US).parse(text).getTime());
        } catch (Exception refused) {
            return "!";
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split("\t", -1);
            out.println(answer(parts[0], parts[1]));
        }
        out.flush();
    }
}
