"""The data types."""

from __future__ import annotations

from kappaflow.sql.reference.topic import Topic


def _example(declared: str, value: str, selected: str) -> str:
    return (
        f"CREATE STREAM s (v {declared}) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        f"INSERT INTO s (v) VALUES ({value});\n"
        f"SELECT {selected} FROM s EMIT CHANGES;"
    )


TYPES = (
    Topic(
        "boolean",
        "BOOLEAN",
        "BOOLEAN",
        "TRUE or FALSE. Comparisons give it; a comparison with a NULL is false, not NULL. Arithmetic on a NULL within a"
        " comparison is an error of the row, which gives NULL, as is a condition of CASE that is NULL.",
        _example("BOOLEAN", "TRUE", "v, NOT v AS opposite, CAST('yes' AS BOOLEAN) AS read"),
    ),
    Topic(
        "integer",
        "INT, INTEGER",
        "INT | INTEGER",
        "A whole number of 32 bits. Results beyond that wrap around, as in Java; a division by zero is an error of the"
        " row, which gives NULL. Widens to BIGINT, DECIMAL(10, 0) and DOUBLE.",
        _example("INT", "2147483647", "v, v + 1 AS wrapped, v / 2 AS half, v % 10 AS last"),
    ),
    Topic(
        "bigint",
        "BIGINT",
        "BIGINT",
        "A whole number of 64 bits. Widens to DECIMAL(19, 0) and DOUBLE.",
        _example("BIGINT", "9000000000", "v, v * 2 AS twice, CAST(v AS STRING) AS text"),
    ),
    Topic(
        "double",
        "DOUBLE",
        "DOUBLE",
        "A floating-point number of 64 bits. Literals of it have an exponent: 1.5E0; without one they are DECIMAL."
        " NaN and infinities are written as text in JSON.",
        _example("DOUBLE", "1.5E0", "v, v * 2 AS twice, CAST(v AS INT) AS whole, v / 0 AS beyond"),
    ),
    Topic(
        "decimal",
        "DECIMAL",
        "DECIMAL(precision, scale)",
        "A decimal number with a fixed number of digits, `scale` of them behind the point. Sums have the larger scale"
        " and a digit more, products the sum of both scales, quotients at least six decimals. A quotient that would"
        " have to be rounded is an error of the row, which gives NULL: for a rounded one CAST a side to DOUBLE first.",
        _example("DECIMAL(6, 2)", "12.30", "v, v + 1.005 AS more, v * v AS squared, v / 4 AS part, v / 7 AS unending"),
    ),
    Topic(
        "string",
        "STRING, VARCHAR",
        "STRING | VARCHAR",
        "Text. Lengths and positions count UTF-16 units, as Java does. `''` within a literal is one quote. `+` joins"
        " texts, NULL as the text null; `||` and CONCAT leave NULLs out.",
        _example("STRING", "'it''s'", "v, LEN(v) AS length, v + '!' AS louder"),
    ),
    Topic(
        "bytes",
        "BYTES",
        "BYTES",
        "Bytes. JSON holds them as Base64; TO_BYTES and FROM_BYTES convert from and to text.",
        _example("BYTES", "TO_BYTES('abc', 'utf8')", "v, FROM_BYTES(v, 'hex') AS hexadecimal"),
    ),
    Topic(
        "time",
        "TIME",
        "TIME",
        "A time of day in milliseconds. Texts such as '10:15:30' compare with it. A CAST to STRING leaves the fraction"
        " of a second out; FORMAT_TIME can show it.",
        _example("TIME", "'10:15:30'", "v, v > '09:00:00' AS later, FORMAT_TIME(v, 'HH.mm') AS shown"),
    ),
    Topic(
        "date",
        "DATE",
        "DATE",
        "A calendar day. Texts such as '2024-02-29' compare with it.",
        _example("DATE", "'2024-02-29'", "v, DATEADD(DAYS, 1, v) AS next, v < '2025-01-01' AS earlier"),
    ),
    Topic(
        "timestamp",
        "TIMESTAMP",
        "TIMESTAMP",
        "A moment in milliseconds, without a zone. ROWTIME, WINDOWSTART and WINDOWEND are BIGINT, but compare with"
        " texts of moments too.",
        _example(
            "TIMESTAMP", "'2024-02-29T10:15:30'", "v, CAST(v AS DATE) AS day, FORMAT_TIMESTAMP(v, 'HH:mm') AS shown"
        ),
    ),
    Topic(
        "array",
        "ARRAY",
        "ARRAY<type>   ARRAY[value, ..]   array[index]",
        "Elements of one type. Indexes begin at 1 and count from the end when negative; outside the array is NULL.",
        _example("ARRAY<INT>", "ARRAY[3, 1, 2]", "v, v[1] AS first, v[-1] AS last, ARRAY_SORT(v) AS sorted"),
    ),
    Topic(
        "map",
        "MAP",
        "MAP<STRING, type>   MAP(key := value, ..)   map[key]",
        "Values by key. Most formats need STRING keys. A MAP cannot be, or be within, a key column. Keys come"
        " in the order of their hashes, as in Java; ENTRIES can sort them.",
        _example("MAP<STRING, INT>", "MAP('a' := 1, 'b' := 2)", "v, v['b'] AS b, MAP_KEYS(v) AS known"),
    ),
    Topic(
        "struct",
        "STRUCT",
        "STRUCT<name type, ..>   STRUCT(name := value, ..)   struct->name   struct->*",
        "Named fields. `->` takes one out, `->*` all of them as columns.",
        _example(
            "STRUCT<city STRING, zip INT>",
            "STRUCT(city := 'Seoul', zip := 4524)",
            "v, v->city AS city, v->zip + 1 AS z",
        ),
    ),
)
