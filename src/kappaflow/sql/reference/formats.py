"""The formats of keys and values."""

from __future__ import annotations

from kappaflow.sql.reference.topic import Topic


def _example(properties: str, columns: str = "id INT KEY, name STRING, n BIGINT") -> str:
    return (
        f"CREATE STREAM s ({columns}) WITH (KAFKA_TOPIC='s', {properties}, PARTITIONS=1);\n"
        "INSERT INTO s (ROWTIME, id, name, n) VALUES (1000, 1, 'a', 2);\n"
        "SELECT id, name, n FROM s EMIT CHANGES;\n"
        "PRINT 's' FROM BEGINNING LIMIT 1;"
    )


FORMATS = (
    Topic(
        "kafka",
        "KAFKA",
        "",
        "What Kafka's own serializers write, for one column: INTEGER and BIGINT big-endian in 4 and 8 bytes, DOUBLE in"
        " 8 bytes, STRING as UTF-8, BYTES as they are. The default of keys. Results with it are not joined or grouped"
        " as values.",
        "CREATE STREAM s (id INT KEY, n BIGINT) WITH (KAFKA_TOPIC='s', FORMAT='KAFKA', PARTITIONS=1);\n"
        "INSERT INTO s (ROWTIME, id, n) VALUES (1000, 1, 2);\n"
        "SELECT id, n FROM s EMIT CHANGES;\nPRINT 's' FROM BEGINNING LIMIT 1;",
    ),
    Topic(
        "json",
        "JSON",
        "",
        "An object with a member a column, or the bare value of a single column (WRAP_SINGLE_VALUE=false). Names are"
        " matched in any case; of members twice the last one counts. DECIMAL is a number, BYTES Base64, times and days"
        " whole numbers. Every type but MAPs with keys that are no STRING.",
        _example("VALUE_FORMAT='JSON'"),
    ),
    Topic(
        "json_sr",
        "JSON_SR",
        "",
        "JSON behind the id of a JSON Schema in a schema registry (a zero byte, and the id in four bytes). Columns can"
        " come from the registry.",
        _example("VALUE_FORMAT='JSON_SR'"),
    ),
    Topic(
        "avro",
        "AVRO",
        "",
        "Avro's binary form behind the id of its schema. Columns can come from the registry; every record is read with"
        " the schema that it was written with, and its fields fill the columns of their name. VALUE_SCHEMA_ID fixes the"
        " schema that is written, VALUE_SCHEMA_FULL_NAME its name. Every type; names as Avro allows them.",
        _example("VALUE_FORMAT='AVRO'"),
    ),
    Topic(
        "protobuf",
        "PROTOBUF",
        "",
        "Protobuf's binary form behind the id of its schema and the path of its message. A column that is not set"
        " reads as 0, '' or FALSE unless VALUE_PROTOBUF_NULLABLE_REPRESENTATION is OPTIONAL or WRAPPER. Every type but"
        " MAPs with keys that are no STRING.",
        _example("VALUE_FORMAT='PROTOBUF', VALUE_PROTOBUF_NULLABLE_REPRESENTATION='OPTIONAL'"),
    ),
    Topic(
        "protobuf_nosr",
        "PROTOBUF_NOSR",
        "",
        "Protobuf's binary form alone, by the message that the columns give: the nth column is field n.",
        _example("VALUE_FORMAT='PROTOBUF_NOSR'"),
    ),
    Topic(
        "delimited",
        "DELIMITED",
        "",
        "Columns behind each other with a delimiter between them: a comma, or VALUE_DELIMITER, which is one character,"
        " TAB or SPACE. No ARRAY, MAP and STRUCT.",
        _example("VALUE_FORMAT='DELIMITED', VALUE_DELIMITER='|'"),
    ),
    Topic(
        "none",
        "NONE",
        "",
        "No columns at all: the key of a stream that has none.",
        "CREATE STREAM s (n BIGINT) WITH (KAFKA_TOPIC='s', KEY_FORMAT='NONE', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        "INSERT INTO s (n) VALUES (2);\n"
        "SELECT n FROM s EMIT CHANGES;",
    ),
)
