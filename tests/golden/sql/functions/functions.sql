--@test: scalar functions
CREATE STREAM a (k STRING KEY, d DOUBLE, s STRING, b BYTES, t TIMESTAMP, day DATE, tm TIME, amt DECIMAL(8,2), l ARRAY<STRING>) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM o AS SELECT k, AREA(d) AS ar, DOUBLED(d) AS dd, TOLD(s) AS ds, TOLD(CAST(d AS INT)) AS di, TOLD(s, '?') AS dq, TOLD(d, d, d) AS d3,
  OR_ELSE(s, 'none') AS oe, MOVED(STRUCT(X:=d, Y:=2.0E0), 1) AS mv, FULL_NAME(k, s)->last AS ln, LATER(t, 1) AS lt, WEEKDAY(day) AS wd, HALF_HOUR(tm) AS hh, GROSS(amt) AS g, COUNTED(l) AS c, REVERSED_BYTES(b) AS rb, KIND_OF(t) AS ko, WRONG_TYPE(1) AS wt FROM a;
INSERT INTO a (k, d, s, b, t, day, tm, amt, l) VALUES ('x', 2.0, 'hi', TO_BYTES('abc','utf8'), '2024-01-01T00:00:00.001', '2024-01-01', '10:11:12', 10.50, ARRAY['p','q','p']);
INSERT INTO a (k, d) VALUES ('y', 2000000.0);
ASSERT VALUES o (k, ar, dd, ds, di, dq, d3, oe, mv, ln, lt, wd, hh, g, c, rb, ko, wt) VALUES ('x', 12.566370614359172, 4.0, 'text hi!', 'int 2', 'text hi?', '3 floats', 'hi', STRUCT(X:=3.0, Y:=3.0), 'hi', '2024-01-02T00:00:00.001', 1, '10:30:12', 12.50, MAP('p':=2, 'q':=1), TO_BYTES('cba','utf8'), 'datetime', NULL);
ASSERT VALUES o (k, ar, dd, di, d3, oe, mv, ko) VALUES ('y', 1.2566370614359172E13, NULL, 'int 2000000', '3 floats', 'none', STRUCT(X:=2000001.0, Y:=3.0), 'NoneType');
--@test: table functions
CREATE STREAM a (k STRING KEY, s STRING, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM o AS SELECT k, WORDS(s) AS w, POINTS(n)->y AS y FROM a;
INSERT INTO a VALUES ('x', 'to be or', 2);
INSERT INTO a VALUES ('x', NULL, 1);
ASSERT VALUES o VALUES ('x', 'to', 0.0);
ASSERT VALUES o VALUES ('x', 'be', 1.0);
ASSERT VALUES o VALUES ('x', 'or', NULL);
ASSERT VALUES o VALUES ('x', NULL, 0.0);
--@test: aggregates
CREATE STREAM a (k STRING KEY, s STRING, d DOUBLE) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE o AS SELECT k, GEOMETRIC_MEAN(d) AS g, LAST_N(s, 2) AS l FROM a GROUP BY k;
INSERT INTO a VALUES ('x', 'p', 2.0);
INSERT INTO a VALUES ('x', 'q', 8.0);
INSERT INTO a VALUES ('x', 'r', NULL);
ASSERT VALUES o VALUES ('x', 2.0, ARRAY['p']);
ASSERT VALUES o VALUES ('x', 4.0, ARRAY['p','q']);
ASSERT VALUES o VALUES ('x', 4.0, ARRAY['q','r']);
--@test: tables need undo
--@expected.error: KsqlException
--@expected.message: The aggregation function LAST_N cannot be applied to a table source, only to a stream source.
CREATE TABLE a (k STRING PRIMARY KEY, s STRING) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE o AS SELECT s, LAST_N(k, 2) AS l FROM a GROUP BY s;
--@test: undo on a table
CREATE TABLE a (k STRING PRIMARY KEY, s STRING, d DOUBLE) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE o AS SELECT s, GEOMETRIC_MEAN(d) AS g FROM a GROUP BY s;
INSERT INTO a VALUES ('x', 'p', 2.0);
INSERT INTO a VALUES ('y', 'p', 8.0);
INSERT INTO a VALUES ('x', 'q', 2.0);
ASSERT VALUES o VALUES ('p', 2.0);
ASSERT VALUES o VALUES ('p', 4.0);
ASSERT VALUES o VALUES ('p', 8.0);
ASSERT VALUES o VALUES ('q', 2.0);
--@test: sessions are merged
CREATE STREAM a (k STRING KEY, s STRING, d DOUBLE) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE o AS SELECT k, GEOMETRIC_MEAN(d) AS g, LAST_N(s, 2) AS l FROM a WINDOW SESSION (10 SECONDS) GROUP BY k;
INSERT INTO a (rowtime, k, s, d) VALUES (0, 'x', 'p', 2.0);
INSERT INTO a (rowtime, k, s, d) VALUES (15000, 'x', 'r', 8.0);
INSERT INTO a (rowtime, k, s, d) VALUES (8000, 'x', 'q', 4.0);
ASSERT VALUES o (k, g, l) VALUES ('x', 2.0, ARRAY['p']);
ASSERT VALUES o (k, g, l) VALUES ('x', 8.0, ARRAY['r']);
ASSERT NULL VALUES o (k) KEY ('x');
ASSERT NULL VALUES o (k) KEY ('x');
ASSERT VALUES o (k, g, l) VALUES ('x', 4.0, ARRAY['r', 'q']);
