import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Computes SQL functions with the classes of a JDK. A question is a line of tab-separated parts, the name of a function
 * and its arguments, all as text with backslash-u escapes. The answer is a text, N for NULL, an exclamation mark for a
 * refusal, or the elements of a list, each behind a plus sign.
 */
public final class FunctionOracle {
    private interface Call extends Function<List<String>, Object> {}

    private static int number(String text) {
        return Integer.parseInt(text);
    }

    private static Object group(String pattern, String text, int group, boolean all) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        if (group < 0 || group > matcher.groupCount()) {
            return null;
        }
        List<String> found = new ArrayList<>();
        while (matcher.find()) {
            if (!all) {
                return matcher.group(group);
            }
            found.add(matcher.group(group));
        }
        return all ? found : null;
    }

    /** Parts between matches; one that also matches no text splits as String.split does, without empty parts at the end. */
    private static List<String> split(String text, String pattern) {
        Pattern compiled = Pattern.compile(pattern);
        if (compiled.matcher("").matches()) {
            return List.of(compiled.split(text));
        }
        return List.of(compiled.split(text, -1));
    }

    private static String words(String text) {
        StringBuilder result = new StringBuilder();
        Matcher matcher = Pattern.compile("[^\\s]+\\s*").matcher(text.toLowerCase());
        while (matcher.find()) {
            String word = matcher.group();
            result.append(word.substring(0, 1).toUpperCase()).append(word.substring(1));
        }
        return result.toString();
    }

    private static String part(String text, int position, Integer length) {
        int start = position < 0
                ? Math.max(text.length() + position, 0)
                : Math.max(Math.min(position - 1, text.length()), 0);
        return length == null
                ? text.substring(start)
                : text.substring(start, Math.max(Math.min(start + length, text.length()), start));
    }

    private static String pad(String text, int length, String padding, boolean left) {
        if (padding.isEmpty() || length < 0) {
            return null;
        }
        int missing = Math.max(length - text.length(), 0);
        StringBuilder fill = new StringBuilder();
        while (fill.length() < missing) {
            fill.append(padding);
        }
        fill.setLength(missing);
        String kept = text.substring(0, Math.min(length, text.length()));
        return left ? fill + kept : kept + fill;
    }

    /** Halves go up: away from zero above it, toward zero below it. */
    private static BigDecimal round(BigDecimal value, int places) {
        return value.setScale(places, value.signum() < 0 ? RoundingMode.HALF_DOWN : RoundingMode.HALF_UP);
    }

    private static Object url(String text, Function<URI, Object> part) {
        try {
            return part.apply(new URI(text));
        } catch (URISyntaxException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static String parameter(String query, String name) {
        if (query == null) {
            return null;
        }
        for (String pair : query.split("&", -1)) {
            String[] parts = pair.split("=", 2);
            if (parts[0].equals(name)) {
                return parts.length == 2 ? parts[1] : "";
            }
        }
        return null;
    }

    private static final Map<String, Call> CALLS = Map.ofEntries(
            Map.entry("REGEXP_EXTRACT", a -> group(a.get(0), a.get(1), number(a.get(2)), false)),
            Map.entry("REGEXP_EXTRACT_ALL", a -> group(a.get(0), a.get(1), number(a.get(2)), true)),
            Map.entry("REGEXP_REPLACE", a -> a.get(0).replaceAll(a.get(1), a.get(2))),
            Map.entry("REGEXP_SPLIT_TO_ARRAY", a -> split(a.get(0), a.get(1))),
            Map.entry("INITCAP", a -> words(a.get(0))),
            Map.entry("UCASE", a -> a.get(0).toUpperCase()),
            Map.entry("LCASE", a -> a.get(0).toLowerCase()),
            Map.entry("TRIM", a -> a.get(0).trim()),
            Map.entry("LEN", a -> a.get(0).length()),
            Map.entry("REPLACE", a -> a.get(0).replace(a.get(1), a.get(2))),
            Map.entry("SUBSTRING", a -> part(a.get(0), number(a.get(1)), a.size() > 2 ? number(a.get(2)) : null)),
            Map.entry("LPAD", a -> pad(a.get(0), number(a.get(1)), a.get(2), true)),
            Map.entry("RPAD", a -> pad(a.get(0), number(a.get(1)), a.get(2), false)),
            Map.entry("SPLIT", a -> List.of(a.get(1).isEmpty()
                    ? a.get(0).split("")
                    : a.get(0).split(Pattern.quote(a.get(1)), -1))),
            Map.entry("URL_ENCODE_PARAM", a -> URLEncoder.encode(a.get(0), StandardCharsets.UTF_8)),
            Map.entry("URL_DECODE_PARAM", a -> URLDecoder.decode(a.get(0), StandardCharsets.UTF_8)),
            Map.entry("URL_EXTRACT_PROTOCOL", a -> url(a.get(0), URI::getScheme)),
            Map.entry("URL_EXTRACT_HOST", a -> url(a.get(0), URI::getHost)),
            Map.entry("URL_EXTRACT_PORT", a -> url(a.get(0), u -> u.getPort() == -1 ? null : u.getPort())),
            Map.entry("URL_EXTRACT_PATH", a -> url(a.get(0), URI::getPath)),
            Map.entry("URL_EXTRACT_QUERY", a -> url(a.get(0), URI::getQuery)),
            Map.entry("URL_EXTRACT_FRAGMENT", a -> url(a.get(0), URI::getFragment)),
            Map.entry("URL_EXTRACT_PARAMETER", a -> url(a.get(0), u -> parameter(u.getQuery(), a.get(1)))),
            Map.entry("ROUND", a -> Math.round(Double.parseDouble(a.get(0)))),
            Map.entry("TRUNC", a -> (long) Double.parseDouble(a.get(0))),
            Map.entry("CEIL", a -> Math.ceil(Double.parseDouble(a.get(0)))),
            Map.entry("FLOOR", a -> Math.floor(Double.parseDouble(a.get(0)))),
            Map.entry("SIGN", a -> (int) Math.signum(Double.parseDouble(a.get(0)))),
            Map.entry("LN", a -> Math.log(Double.parseDouble(a.get(0)))),
            Map.entry("SQRT", a -> Math.sqrt(Double.parseDouble(a.get(0)))),
            Map.entry("ROUND DOUBLE", a -> round(
                    BigDecimal.valueOf(Double.parseDouble(a.get(0))), number(a.get(1))).doubleValue()),
            Map.entry("TRUNC DOUBLE", a -> BigDecimal.valueOf(Double.parseDouble(a.get(0)))
                    .setScale(number(a.get(1)), RoundingMode.DOWN).doubleValue()),
            Map.entry("ROUND DECIMAL", a -> plain(round(new BigDecimal(a.get(0)), number(a.get(1))), a.get(0))),
            Map.entry("TRUNC DECIMAL", a -> plain(
                    new BigDecimal(a.get(0)).setScale(number(a.get(1)), RoundingMode.DOWN), a.get(0))),
            Map.entry("CEIL DECIMAL", a -> plain(
                    new BigDecimal(a.get(0)).setScale(0, RoundingMode.CEILING), a.get(0))),
            Map.entry("FLOOR DECIMAL", a -> plain(
                    new BigDecimal(a.get(0)).setScale(0, RoundingMode.FLOOR), a.get(0))));

    /** A DECIMAL column prints with the scale it was declared with. */
    private static String plain(BigDecimal value, String like) {
        return value.setScale(new BigDecimal(like).scale(), RoundingMode.UNNECESSARY).toPlainString();
    }

    private static String read(String text) {
        StringBuilder result = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\') {
                result.append((char) Integer.parseInt(text.substring(i + 2, i + 6), 16));
                i += 5;
            } else {
                result.append(text.charAt(i));
            }
        }
        return result.toString();
    }

    /** Half a pair of surrogates becomes a question mark, as in every serializer. */
    private static String written(Object value) {
        if (value == null) {
            return "N";
        }
        String text = new String(value.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
        StringBuilder result = new StringBuilder("=");
        for (char unit : text.toCharArray()) {
            result.append(unit > ' ' && unit < 127 && unit != '\\' ? unit : String.format("\\u%04x", (int) unit));
        }
        return result.toString();
    }

    private static String answer(String[] parts) {
        List<String> arguments = new ArrayList<>();
        for (int i = 1; i < parts.length; i++) {
            arguments.add(read(parts[i]));
        }
        Object value;
        try {
            value = CALLS.get(parts[0]).apply(arguments);
        } catch (IllegalArgumentException | IndexOutOfBoundsException | ArithmeticException error) {
            return "!";
        }
        if (!(value instanceof List)) {
            return written(value);
        }
        StringBuilder result = new StringBuilder("L");
        for (Object element : (List<?>) value) {
            result.append("+").append(written(element));
        }
        return result.toString();
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(line.split("\t", -1)));
        }
        out.flush();
    }
}
