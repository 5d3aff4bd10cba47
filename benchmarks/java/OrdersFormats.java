import com.google.protobuf.CodedInputStream;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * The filter over orders in JSON, Avro and Protobuf; the last two behind the header of a schema registry.
 *
 * <p>Style trees reads whole records: GenericRecord, DynamicMessage. Style streaming is written for speed: Avro with a
 * reader's schema of two fields, Protobuf field by field, which skips the others.
 */
final class OrdersFormats {
  static final int HEADER = 5;

  interface Read {
    OrdersStreams.Order from(byte[] data) throws IOException;
  }

  static final Schema WRITTEN =
      SchemaBuilder.record("Order")
          .fields()
          .requiredLong("ordertime")
          .requiredLong("orderid")
          .requiredString("itemid")
          .requiredDouble("orderunits")
          .name("address")
          .type(
              SchemaBuilder.record("Address")
                  .fields()
                  .requiredString("city")
                  .requiredString("state")
                  .requiredInt("zipcode")
                  .endRecord())
          .noDefault()
          .endRecord();
  static final Schema WANTED =
      SchemaBuilder.record("Order").fields().requiredString("itemid").requiredDouble("orderunits").endRecord();

  static Serde<OrdersStreams.Order> serde(Read read) {
    return Serdes.serdeFrom(
        (topic, value) -> null,
        (topic, data) -> {
          if (data == null) return null;
          try {
            return read.from(data);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }

  static void check(byte[] data, int id) {
    int found = (data[1] & 255) << 24 | (data[2] & 255) << 16 | (data[3] & 255) << 8 | data[4] & 255;
    if (data[0] != 0 || found != id) throw new IllegalArgumentException("schema " + found);
  }

  static Read avro(boolean isProjected) {
    GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(WRITTEN, isProjected ? WANTED : WRITTEN);
    BinaryDecoder[] decoder = new BinaryDecoder[1];
    GenericRecord[] kept = new GenericRecord[1];
    return data -> {
      check(data, 1);
      decoder[0] = DecoderFactory.get().binaryDecoder(data, HEADER, data.length - HEADER, decoder[0]);
      GenericRecord record = reader.read(isProjected ? kept[0] : null, decoder[0]);
      kept[0] = record;
      return new OrdersStreams.Order(record.get("itemid").toString(), (Double) record.get("orderunits"));
    };
  }

  static FieldDescriptorProto field(String name, int number, Type type) {
    return FieldDescriptorProto.newBuilder()
        .setName(name)
        .setNumber(number)
        .setType(type)
        .setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL)
        .build();
  }

  static Descriptor descriptor() {
    DescriptorProto address =
        DescriptorProto.newBuilder()
            .setName("Address")
            .addField(field("city", 1, Type.TYPE_STRING))
            .addField(field("state", 2, Type.TYPE_STRING))
            .addField(field("zipcode", 3, Type.TYPE_INT32))
            .build();
    DescriptorProto order =
        DescriptorProto.newBuilder()
            .setName("Order")
            .addNestedType(address)
            .addField(field("ordertime", 1, Type.TYPE_INT64))
            .addField(field("orderid", 2, Type.TYPE_INT64))
            .addField(field("itemid", 3, Type.TYPE_STRING))
            .addField(field("orderunits", 4, Type.TYPE_DOUBLE))
            .addField(field("address", 5, Type.TYPE_MESSAGE).toBuilder().setTypeName(".Order.Address"))
            .build();
    FileDescriptorProto file =
        FileDescriptorProto.newBuilder().setName("order.proto").setSyntax("proto3").addMessageType(order).build();
    try {
      return FileDescriptor.buildFrom(file, new FileDescriptor[0]).findMessageTypeByName("Order");
    } catch (DescriptorValidationException error) {
      throw new IllegalStateException(error);
    }
  }

  static Read protobufTrees() {
    Descriptor order = descriptor();
    FieldDescriptor item = order.findFieldByNumber(3);
    FieldDescriptor units = order.findFieldByNumber(4);
    return data -> {
      check(data, 2);
      CodedInputStream input = CodedInputStream.newInstance(data, HEADER + 1, data.length - HEADER - 1);
      DynamicMessage message = DynamicMessage.parseFrom(order, input);
      return new OrdersStreams.Order((String) message.getField(item), (Double) message.getField(units));
    };
  }

  static Read protobufStreaming() {
    return data -> {
      check(data, 2);
      CodedInputStream input = CodedInputStream.newInstance(data, HEADER + 1, data.length - HEADER - 1);
      String item = "";
      double units = 0;
      for (int tag = input.readTag(); tag != 0; tag = input.readTag()) {
        switch (WireFormat.getTagFieldNumber(tag)) {
          case 3 -> item = input.readStringRequireUtf8();
          case 4 -> units = input.readDouble();
          default -> input.skipField(tag);
        }
      }
      return new OrdersStreams.Order(item, units);
    };
  }

  static Serde<OrdersStreams.Order> orders(String style, String mode) {
    boolean isFast = style.equals("streaming");
    return switch (mode) {
      case "formats-avro" -> serde(avro(isFast));
      case "formats-protobuf" -> serde(isFast ? protobufStreaming() : protobufTrees());
      case "formats-json" -> isFast ? OrdersStreams.ORDER : serde(OrdersFormats::tree);
      default -> throw new IllegalArgumentException(mode);
    };
  }

  static OrdersStreams.Order tree(byte[] data) throws IOException {
    var node = OrdersTrees.MAPPER.readTree(data);
    return new OrdersStreams.Order(node.get("itemid").asText(), node.get("orderunits").asDouble());
  }

  static void build(StreamsBuilder builder, String style, String mode, String input, String output, Runnable count) {
    Serde<String> text = Serdes.String();
    builder.stream(input, Consumed.with(text, orders(style, mode)))
        .peek((key, value) -> count.run())
        .filter((key, order) -> order.units() > 50)
        .mapValues(order -> new OrdersStreams.Projected(order.itemId(), order.units() * 2))
        .to(output, Produced.with(text, OrdersStreams.PROJECTED));
  }
}
