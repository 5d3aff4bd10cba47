-- Tests in plain SQL: statements, rows and assertions.

--@test: a stream of another
CREATE STREAM orders (id INT KEY, amount INT) WITH (kafka_topic='orders', value_format='JSON');
CREATE STREAM doubled AS SELECT id, amount * 2 AS amount FROM orders;
INSERT INTO orders (rowtime, id, amount) VALUES (10, 1, 21);
INSERT INTO orders (rowtime, id, amount) VALUES (11, 2, NULL);
ASSERT VALUES doubled (rowtime, id, amount) VALUES (10, 1, 42);
ASSERT VALUES doubled (id, amount) VALUES (2, NULL);

--@test: rows flow through chains of queries at once
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b AS SELECT k, v + 1 AS v FROM a;
CREATE TABLE c AS SELECT k, SUM(v) AS total FROM b GROUP BY k;
INSERT INTO a (k, v) VALUES ('x', 1);
INSERT INTO a (k, v) VALUES ('x', 2);
ASSERT VALUES b (k, v) VALUES ('x', 2);
ASSERT VALUES c (k, total) VALUES ('x', 2);
ASSERT VALUES c (k, total) VALUES ('x', 5);

--@test: a row that HAVING drops is a deletion
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM a GROUP BY k HAVING COUNT(*) < 2;
INSERT INTO a (k, v) VALUES ('x', 1);
INSERT INTO a (k, v) VALUES ('x', 2);
ASSERT VALUES c VALUES ('x', 1);
ASSERT NULL VALUES c (k) KEY ('x');

--@test: windows
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY k;
INSERT INTO a (rowtime, k, v) VALUES (5, 'x', 1);
INSERT INTO a (rowtime, k, v) VALUES (15, 'x', 1);
ASSERT VALUES c (windowstart, windowend, k, n) VALUES (0, 10, 'x', 1);
ASSERT VALUES c (windowstart, windowend, k, n) VALUES (10, 20, 'x', 1);

--@test: sources, topics and schemas can be asserted
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', partitions=3, value_format='JSON');
CREATE TABLE c WITH (value_format='DELIMITED') AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;
ASSERT STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
ASSERT TABLE c (k STRING PRIMARY KEY, n BIGINT) WITH (kafka_topic='C', key_format='KAFKA', value_format='DELIMITED');
ASSERT TOPIC a WITH (partitions=3);
ASSERT NOT EXISTS TOPIC nothing;
ASSERT NOT EXISTS SCHEMA SUBJECT 'a-value';

--@test: variables, properties and types
DEFINE source = 'a';
CREATE TYPE pair AS STRUCT<x INT, y INT>;
CREATE STREAM ${source} (k STRING KEY, p pair) WITH (kafka_topic='${source}', value_format='JSON');
SET 'ksql.persistence.default.format.value' = 'JSON';
CREATE STREAM b AS SELECT k, p->x + p->y AS s FROM ${source};
INSERT INTO a (k, p) VALUES ('q', STRUCT(x := 1, y := 2));
ASSERT VALUES b VALUES ('q', 3);

--@test: a script beside the file
RUN SCRIPT 'orders.script';
INSERT INTO orders VALUES (1, 5);
ASSERT VALUES orders VALUES (1, 5);

--@test: tables with tombstones of a join
CREATE TABLE l (id INT PRIMARY KEY, v INT) WITH (kafka_topic='l', value_format='JSON');
CREATE TABLE r (id INT PRIMARY KEY, w INT) WITH (kafka_topic='r', value_format='JSON');
CREATE TABLE j AS SELECT l.id AS id, v, w FROM l LEFT JOIN r ON l.id = r.id;
INSERT INTO l VALUES (1, 10);
INSERT INTO r VALUES (1, 20);
ASSERT VALUES j VALUES (1, 10, NULL);
ASSERT VALUES j VALUES (1, 10, 20);

--@test: an assertion that does not hold
--@expected.error: AssertionError
--@expected.message: record 0 of A is
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
INSERT INTO a VALUES ('x', 1);
ASSERT VALUES a VALUES ('x', 2);

--@test: a missing row
--@expected.error: AssertionError
--@expected.message: A has no further record
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
ASSERT VALUES a VALUES ('x', 2);

--@test: an error of a statement
--@expected.error: io.confluent.ksql.util.KsqlException
--@expected.message: Nope
CREATE STREAM b AS SELECT * FROM `Nope`;

--@test: a statement that does not parse
--@expected.error: ParseFailedException
CREATE STREAM b AS SELECT FROM;
