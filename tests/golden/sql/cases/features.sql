-- Clauses and statements one by one.

--@test: table functions are zipped, the shorter filled with NULL
CREATE STREAM a (k INT KEY, x ARRAY<INT>, y ARRAY<STRING>) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, EXPLODE(x) AS x, EXPLODE(y) AS y FROM a;
INSERT INTO a VALUES (1, ARRAY[1, 2], ARRAY['p']);
ASSERT VALUES b VALUES (1, 1, 'p');
ASSERT VALUES b VALUES (1, 2, NULL);

--@test: cube_explode gives every combination
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, CUBE_EXPLODE(ARRAY[x, x + 1]) AS c FROM a;
CREATE STREAM c AS SELECT k, c[1] AS p, c[2] AS q FROM b;
INSERT INTO a VALUES (1, 5);
ASSERT VALUES c VALUES (1, NULL, NULL);
ASSERT VALUES c VALUES (1, NULL, 6);
ASSERT VALUES c VALUES (1, 5, NULL);
ASSERT VALUES c VALUES (1, 5, 6);

--@test: the fields of a struct
CREATE STREAM a (k INT KEY, s STRUCT<x INT, y STRING>) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, s->* FROM a;
INSERT INTO a VALUES (1, STRUCT(x := 2, y := 'z'));
ASSERT VALUES b (k, x, y) VALUES (1, 2, 'z');

--@test: rowpartition and rowoffset
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, ROWPARTITION AS p, ROWOFFSET AS o FROM a;
INSERT INTO a VALUES (1, 1);
INSERT INTO a VALUES (1, 1);
ASSERT VALUES b VALUES (1, 0, 0);
ASSERT VALUES b VALUES (1, 0, 1);

--@test: several queries write one stream
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (k INT KEY, x INT) WITH (kafka_topic='b', value_format='JSON');
INSERT INTO b WITH (QUERY_ID='first') SELECT k, x FROM a;
INSERT INTO b SELECT k, x * 10 AS x FROM a;
INSERT INTO a VALUES (1, 1);
ASSERT VALUES b VALUES (1, 1);
ASSERT VALUES b VALUES (1, 10);

--@test: columns must fit the sink of an insert
--@expected.message: Incompatible schema between results and sink.
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (k INT KEY, x STRING) WITH (kafka_topic='b', value_format='JSON');
INSERT INTO b SELECT k, x FROM a;

--@test: columns are added
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
ALTER STREAM a ADD COLUMN y STRING;
INSERT INTO a VALUES (1, 2, 'z');
ASSERT VALUES a (k, x, y) VALUES (1, 2, 'z');
ASSERT STREAM a (k INT KEY, x INT, y STRING);

--@test: a source stream takes no rows
--@expected.message: Cannot insert values into read-only stream: A
CREATE SOURCE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
INSERT INTO a VALUES (1, 2);

--@test: replacing a query adds a filter
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, x FROM a;
INSERT INTO a VALUES (1, 1);
CREATE OR REPLACE STREAM b AS SELECT k, x FROM a WHERE x > 5;
INSERT INTO a VALUES (1, 2);
INSERT INTO a VALUES (1, 7);
ASSERT VALUES b VALUES (1, 1);
ASSERT VALUES b VALUES (1, 7);

--@test: replacing may not remove a column
--@expected.message: The following value columns are changed, missing or reordered: [`Y` INTEGER]
CREATE STREAM a (k INT KEY, x INT, y INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, x, y FROM a;
CREATE OR REPLACE STREAM b AS SELECT k, x FROM a;

--@test: if not exists leaves the first
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM IF NOT EXISTS a (k INT KEY, z INT) WITH (kafka_topic='a', value_format='JSON');
ASSERT STREAM a (k INT KEY, x INT);

--@test: dropping needs that nothing reads
--@expected.message: The following streams and/or tables read from this source: [B].
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, x FROM a;
DROP STREAM a;

--@test: dropping a result ends its query
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, x FROM a;
DROP STREAM b;
DROP STREAM a;
DROP STREAM IF EXISTS a;

--@test: partition by nothing
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT x FROM a PARTITION BY NULL;
INSERT INTO a VALUES (1, 2);
ASSERT VALUES b (x) VALUES (2);

--@test: partition by several expressions
CREATE STREAM a (k INT KEY, x INT, y STRING) WITH (kafka_topic='a', format='JSON');
CREATE STREAM b AS SELECT x + 1 AS n, UCASE(y) AS u, k FROM a PARTITION BY x + 1, UCASE(y);
INSERT INTO a VALUES (1, 2, 'q');
ASSERT VALUES b (n, u, k) VALUES (3, 'Q', 1);

--@test: the key of a record as a value
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, AS_VALUE(k) AS copy FROM a;
INSERT INTO a VALUES (1, 2);
ASSERT VALUES b VALUES (1, 1);

--@test: the key must be selected
--@expected.message: Key missing from projection
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT x FROM a;

--@test: three streams
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (k INT KEY, y INT) WITH (kafka_topic='b', value_format='JSON');
CREATE TABLE c (k INT PRIMARY KEY, z INT) WITH (kafka_topic='c', value_format='JSON');
CREATE STREAM j AS SELECT a.k AS k, x, y, z FROM a JOIN b WITHIN 1 HOUR ON a.k = b.k LEFT JOIN c ON a.k = c.k;
INSERT INTO c (rowtime, k, z) VALUES (1, 7, 30);
INSERT INTO a (rowtime, k, x) VALUES (2, 7, 10);
INSERT INTO b (rowtime, k, y) VALUES (3, 7, 20);
ASSERT VALUES j (rowtime, k, x, y, z) VALUES (3, 7, 10, 20, 30);

--@test: the time of a row from its column
CREATE STREAM a (k INT KEY, t STRING) WITH (kafka_topic='a', value_format='JSON', timestamp='t', timestamp_format='yyyy-MM-dd');
CREATE STREAM b AS SELECT k, t FROM a;
INSERT INTO a (rowtime, k, t) VALUES (5, 1, '1970-01-02');
ASSERT VALUES b (rowtime, k) VALUES (86400000, 1);

--@test: an expression that fails gives NULL
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, 10 / x AS q, x FROM a;
INSERT INTO a VALUES (1, 0);
ASSERT VALUES b VALUES (1, NULL, 0);

--@test: the windowed key of a stream
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON', window_type='TUMBLING', window_size='10 MILLISECONDS');
ASSERT STREAM a (k INT KEY, x INT);

--@test: queries on windowed tables are refused
--@expected.message: KSQL does not support persistent queries on windowed tables
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE b AS SELECT k, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k;
CREATE TABLE c AS SELECT * FROM b;

--@test: pausing keeps the query
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, x FROM a;
PAUSE CSAS_B_1;
RESUME CSAS_B_1;
TERMINATE CSAS_B_1;
INSERT INTO a VALUES (1, 1);
ASSERT TOPIC B;

--@test: a column that does not exist
--@expected.message: Line: 1, Col: 30: SELECT column 'Q' cannot be resolved.
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, q FROM a;

--@test: connectors are refused
--@expected.error: KsqlException
CREATE SOURCE CONNECTOR c WITH ('connector.class'='x');

--@test: distinct is no word of the language
--@expected.error: ParseFailedException
CREATE STREAM a (k INT KEY, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT DISTINCT x, k FROM a;
