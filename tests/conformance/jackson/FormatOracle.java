import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVPrinter;
import org.apache.commons.csv.CSVRecord;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;

/** Answers one line per line of standard input: what Java's libraries read or write. "!" means refused. */
public class FormatOracle {
  private static final ObjectMapper MAPPER = new ObjectMapper()
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .setNodeFactory(JsonNodeFactory.withExactBigDecimals(true));
  private static final JsonConverter CONVERTER = new JsonConverter();

  public static void main(String[] arguments) throws Exception {
    CONVERTER.configure(Map.of("schemas.enable", "false", "decimal.format", "NUMERIC"), false);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String answer;
      try {
        answer = answer(line.split(" ", -1));
      } catch (Exception e) {
        answer = "!";
      }
      out.write(answer);
      out.newLine();
    }
    out.flush();
  }

  private static String answer(String[] words) throws Exception {
    switch (words[0]) {
      case "read":
        StringBuilder dump = new StringBuilder();
        dump(MAPPER.readTree(bytes(words[1])), dump);
        return dump.toString();
      case "text":
        JsonNode node = MAPPER.readTree(bytes(words[1]));
        return base64(utf8(MAPPER.writeValueAsString(MAPPER.treeToValue(node, Object.class))));
      case "double":
        return Double.toString(Double.longBitsToDouble(Long.parseUnsignedLong(words[1], 16)));
      case "parse-double":
        return hex(Double.parseDouble(text(words[1])));
      case "parse-int":
        return Integer.toString(Integer.parseInt(text(words[1])));
      case "parse-decimal":
        return new BigDecimal(text(words[1])).toString();
      case "write":
        return base64(write(words));
      case "split":
        return split(words[1].charAt(0) == 'T' ? '\t' : words[1].charAt(0), text(words[2]));
      case "join":
        return join(words);
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private static void dump(JsonNode node, StringBuilder out) {
    if (node.isObject()) {
      out.append('{');
      node.fields().forEachRemaining(member -> {
        out.append(base64(utf8(member.getKey()))).append(':');
        dump(member.getValue(), out);
        out.append(',');
      });
      out.append('}');
    } else if (node.isArray()) {
      out.append('[');
      node.forEach(element -> {
        dump(element, out);
        out.append(',');
      });
      out.append(']');
    } else if (node.isNumber()) {
      out.append(node.getClass().getSimpleName()).append('|').append(node.intValue()).append('|')
          .append(node.asLong()).append('|').append(hex(node.doubleValue())).append('|').append(node.asText());
    } else if (node.isTextual()) {
      String binary;
      try {
        binary = base64(node.binaryValue());
      } catch (Exception e) {
        binary = "!";
      }
      out.append('"').append(base64(utf8(node.textValue()))).append('|').append(binary);
    } else {
      out.append(node.isMissingNode() ? "missing" : node.asText());
    }
  }

  private static byte[] write(String[] words) throws Exception {
    SchemaBuilder builder = SchemaBuilder.struct();
    List<Object> values = new ArrayList<>();
    for (int i = 1; i < words.length; i++) {
      String word = words[i];
      String payload = word.substring(1);
      String name = "f" + i;
      switch (word.charAt(0)) {
        case 'd':
          builder.field(name, Schema.OPTIONAL_FLOAT64_SCHEMA);
          values.add(Double.longBitsToDouble(Long.parseUnsignedLong(payload, 16)));
          break;
        case 's':
          builder.field(name, Schema.OPTIONAL_STRING_SCHEMA);
          values.add(text(payload));
          break;
        case 'b':
          builder.field(name, Schema.OPTIONAL_BYTES_SCHEMA);
          values.add(bytes(payload));
          break;
        case 'n':
          BigDecimal number = new BigDecimal(payload);
          builder.field(name, Decimal.builder(number.scale()).optional().build());
          values.add(number);
          break;
        case 'l':
          builder.field(name, Schema.OPTIONAL_INT64_SCHEMA);
          values.add(Long.parseLong(payload));
          break;
        default:
          builder.field(name, Schema.OPTIONAL_BOOLEAN_SCHEMA);
          values.add(payload.isEmpty() ? null : Boolean.valueOf(payload));
      }
    }
    Schema schema = builder.build();
    Struct struct = new Struct(schema);
    for (int i = 0; i < values.size(); i++) {
      struct.put("f" + (i + 1), values.get(i));
    }
    return CONVERTER.fromConnectData("topic", schema, struct);
  }

  private static String split(char delimiter, String line) throws Exception {
    List<CSVRecord> records = CSVParser.parse(line, CSVFormat.DEFAULT.withDelimiter(delimiter)).getRecords();
    if (records.isEmpty()) {
      return "!";
    }
    StringBuilder out = new StringBuilder();
    records.get(0).forEach(field -> out.append(base64(utf8(field))).append(','));
    return out.toString();
  }

  private static String join(String[] words) throws Exception {
    List<String> fields = new ArrayList<>();
    for (String word : Arrays.asList(words).subList(2, words.length)) {
      fields.add(word.equals("-") ? null : text(word));
    }
    char delimiter = words[1].charAt(0) == 'T' ? '\t' : words[1].charAt(0);
    StringWriter writer = new StringWriter();
    new CSVPrinter(writer, CSVFormat.DEFAULT.withDelimiter(delimiter)).printRecord(fields);
    return base64(utf8(writer.toString().substring(0, writer.toString().length() - 2)));
  }

  private static byte[] bytes(String word) {
    return Base64.getDecoder().decode(word);
  }

  private static String text(String word) {
    return new String(bytes(word), StandardCharsets.UTF_8);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String hex(double value) {
    return Long.toHexString(Double.doubleToLongBits(value));
  }
}
