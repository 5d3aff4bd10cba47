import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;

/**
 * Prints the configurations that the Kafka on the class path defines, as one JSON array: name, type, default, range
 * and, for brokers, whether a change needs a restart. The classes moved between versions, hence the reflection.
 */
public class ConfigDefs {
    private static final String[][] BROKER = {{"kafka.server.KafkaConfig$", "configDef"}};
    private static final String[][] TOPIC = {
        {"org.apache.kafka.storage.internals.log.LogConfig", "configDefCopy"},
        {"kafka.log.LogConfig$", "configDefCopy"},
    };
    private static final String[][] MODES = {
        {"org.apache.kafka.server.config.DynamicBrokerConfig", "dynamicConfigUpdateModes"},
        {"kafka.server.DynamicBrokerConfig$", "dynamicConfigUpdateModes"},
    };

    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        ArrayNode rows = mapper.createArrayNode();
        Map<?, ?> modes = (Map<?, ?>) call(MODES);
        write(rows, "broker", (ConfigDef) call(BROKER), modes);
        write(rows, "topic", (ConfigDef) call(TOPIC), Map.of());
        System.out.println(mapper.writeValueAsString(rows));
    }

    private static Object call(String[][] places) throws Exception {
        Exception last = null;
        for (String[] place : places) {
            try {
                Class<?> type = Class.forName(place[0]);
                Method method = type.getMethod(place[1]);
                Object owner = place[0].endsWith("$") ? type.getField("MODULE$").get(null) : null;
                return method.invoke(owner);
            } catch (ClassNotFoundException | NoSuchMethodException missing) {
                last = missing;
            }
        }
        throw last;
    }

    private static void write(ArrayNode rows, String scope, ConfigDef defined, Map<?, ?> modes) {
        for (ConfigDef.ConfigKey key : new TreeMap<>(defined.configKeys()).values()) {
            if (key.internalConfig) {
                continue;
            }
            ObjectNode row = rows.addObject();
            row.put("scope", scope);
            row.put("name", key.name);
            row.put("type", key.type.name().toLowerCase());
            row.put("required", !key.hasDefault());
            row.put("default", key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : null);
            row.put("range", key.validator == null ? "" : key.validator.toString());
            Object mode = modes.get(key.name);
            row.put("update", mode == null ? (scope.equals("topic") ? "topic" : "read-only") : mode.toString());
        }
    }
}
