// DDL, inserts, a pull query and a push query by the npm client ksqldb-client; prints what came as one line of JSON.
const KsqldbClient = require("ksqldb-client");

async function main() {
  const address = new URL(process.argv[2]);
  const client = new KsqldbClient({ host: `${address.protocol}//${address.hostname}`, port: Number(address.port) });
  await client.connect();
  const found = {};
  const earliest = { properties: { "auto.offset.reset": "earliest" } };
  const created = await client.executeStatement(
    "CREATE STREAM ${NAME} (id INT KEY, word VARCHAR) WITH (kafka_topic='npm', value_format='JSON', partitions=1);",
    { sessionVariables: { NAME: "npm" } },
  );
  found.created = created.status;
  const table = await client.executeStatement(
    "CREATE TABLE npm_counts AS SELECT id, COUNT(*) AS n FROM npm GROUP BY id;",
    { streamsProperties: { "ksql.streams.auto.offset.reset": "earliest" } },
  );
  found.table = table.status;
  found.acks = [];
  for (const word of ["a", "b", "c"]) {
    const { data } = await client.insertInto("NPM", { ID: 1, WORD: word });
    found.acks.push(...data.rows);
  }
  found.refused = (await client.insertInto("NPM", { ID: "x" })).error;
  found.pushed = [];
  const ended = await client.streamQuery(
    "SELECT * FROM npm EMIT CHANGES LIMIT 3;",
    (part) => found.pushed.push(...(part.rows || [])),
    earliest,
  );
  found.pushStatus = ended.status;
  for (;;) {
    const { data } = await client.query("SELECT id, n FROM npm_counts WHERE id = 1;");
    if (data.rows.length && data.rows[0].N === 3) {
      found.pulled = data.rows;
      break;
    }
  }
  found.error = (await client.query("SELECT * FROM nothing;")).error;
  found.streams = (await client.listStreams()).map((stream) => stream.name);
  found.fields = (await client.describeSource("npm")).fields.map((field) => field.name);
  let id;
  const running = client.streamQuery("SELECT * FROM npm EMIT CHANGES;", (part) => {
    if (id === undefined) {
      id = part.metadata.queryId;
      client.terminatePushQuery(id);
    }
  });
  found.terminated = (await running).status;
  await client.disconnect();
  console.log(JSON.stringify(found));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
