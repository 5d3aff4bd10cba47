import java.io.OutputStream;
import java.io.BufferedOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads what is committed of a topic, from beginning to end. Usage: TopicDigest BOOTSTRAP TOPIC FILE. Prints "partition
 * count digest end" per partition, the digest being over keys and values in their order and the end being the offset
 * behind the last record, and writes the last value of each key to FILE as
 * "hexadecimal key TAB value".
 */
public final class TopicDigest {
  static long mix(long digest, byte[] data) {
    digest = digest * 0x100000001B3L + (data == null ? -1 : data.length);
    if (data != null) for (byte b : data) digest = (digest ^ (b & 0xff)) * 0x100000001B3L;
    return digest;
  }

  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", arguments[0]);
    properties.put("isolation.level", "read_committed");
    properties.put("max.poll.records", "20000");
    properties.put("max.partition.fetch.bytes", "8000000");
    Map<Integer, Long> counts = new TreeMap<>();
    Map<Integer, Long> digests = new TreeMap<>();
    Map<Integer, Long> behind = new TreeMap<>();
    Map<ByteBuffer, byte[]> last = new HashMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(arguments[1]).stream().map(p -> new TopicPartition(p.topic(), p.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      for (TopicPartition partition : partitions) {
        counts.put(partition.partition(), 0L);
        digests.put(partition.partition(), 0L);
        behind.put(partition.partition(), 0L);
      }
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          counts.merge(record.partition(), 1L, Long::sum);
          digests.compute(record.partition(), (p, digest) -> mix(mix(digest, record.key()), record.value()));
          behind.put(record.partition(), record.offset() + 1);
          last.put(ByteBuffer.wrap(record.key() == null ? new byte[0] : record.key()), record.value());
        }
      }
    }
    counts.forEach(
        (p, count) ->
            System.out.println(p + " " + count + " " + Long.toHexString(digests.get(p)) + " " + behind.get(p)));
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(Path.of(arguments[2])), 1 << 20)) {
      for (Map.Entry<ByteBuffer, byte[]> entry : last.entrySet()) {
        out.write(HexFormat.of().formatHex(entry.getKey().array()).getBytes(StandardCharsets.US_ASCII));
        out.write('\t');
        out.write(entry.getValue() == null ? "null".getBytes(StandardCharsets.US_ASCII) : entry.getValue());
        out.write('\n');
      }
    }
  }
}
