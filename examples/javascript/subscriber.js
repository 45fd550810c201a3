// Keeps the balance of every customer, with the official client of NATS and nothing of Plumbline.
// 用官方 NATS 客户端订阅积分事件，每个事件恰好生效一次。
//
//   npm install && node subscriber.js "$PLUMBLINE_NATS_URL" main balances.db
//
// A fourth argument, or PLUMBLINE_NATS_DOMAIN, is JetStream's domain, where the login belongs to another account than the
// stream: "plumbline" under the account file of `plumbline streams permissions`.
//
// The durable consumer "balances_js" remembers on the server what was acknowledged. That alone is at least once: what was
// handled, and its acknowledgement lost, comes again. So the position is stored with the balances, in one transaction, and
// what is not beyond it is only acknowledged. All events are followed, so the next position is always one more; a later
// one means that an earlier one is still on its way again, and is given back until then.

import { DatabaseSync } from "node:sqlite";
import { AckPolicy, connect, DeliverPolicy, nanos } from "nats";

const SERVICE = "balances_js";
const ACK_SECONDS = 2;
const GIVEN_BACK_MS = 200;

const MOVES = new Set([
  "PointsGranted", "PointsDeducted", "PointsReversed", "PointsExpired", "PointsRedeemed", "PointsReturned",
]);

const [urls, ledger, file, domain = process.env.PLUMBLINE_NATS_DOMAIN] = process.argv.slice(2);
if (file === undefined) {
  console.error("node subscriber.js nats://user:password@host:port LEDGER DATABASE [DOMAIN]");
  process.exit(2);
}
const stream = `PLUMBLINE_${ledger}`;

const database = new DatabaseSync(file);
database.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS balance (customer TEXT PRIMARY KEY, points INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS position (ledger TEXT PRIMARY KEY, position INTEGER NOT NULL, id TEXT NOT NULL) STRICT;
`);
const read = database.prepare("SELECT position FROM position WHERE ledger = ?");
const move = database.prepare(
  "INSERT INTO position VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position, id = excluded.id",
);
const add = database.prepare(
  `INSERT INTO balance VALUES (?, ?, 1)
   ON CONFLICT DO UPDATE SET points = points + excluded.points, events = events + 1`,
);
let position = read.get(ledger)?.position ?? 0;

// Each service hears nothing but its own inbox.
const connection = await connect({
  ...access(urls), name: SERVICE, inboxPrefix: `_INBOX_${SERVICE}`, maxReconnectAttempts: -1,
});
const consumer = await bound();
const messages = await consumer.consume({ max_messages: 100 });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => messages.stop());
console.log(`following ${stream} after position ${position}`);

for await (const message of messages) {
  const event = {
    position: Number(message.headers.get("ce-position")),
    id: message.headers.get("ce-id"),
    type: message.headers.get("ce-type"),
    customer: message.headers.get("ce-subject") || null,
    data: message.json(),
  };
  if (event.position <= position) {
    message.ack();
  } else if (event.position > position + 1) {
    message.nak(GIVEN_BACK_MS);
  } else {
    take(event);
    message.ack();
  }
}
await connection.drain();
database.close();

// Where to connect, and as whom: the client itself leaves out what a URL says of user and password.
function access(urls) {
  const parts = urls.split(",").map((url) => new URL(url.trim()));
  const { username, password } = parts[0];
  return {
    servers: parts.map((part) => part.host),
    ...(username && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(parts[0].protocol === "tls:" && { tls: {} }),
  };
}

// The effect of an event and its position, both or neither.
function take(event) {
  database.exec("BEGIN IMMEDIATE");
  try {
    if (MOVES.has(event.type)) add.run(event.customer, event.data.points);
    move.run(ledger, event.position, event.id);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
  position = event.position;
}

// The durable consumer, which an operator has made, or we may make ourselves.
async function bound() {
  const within = domain ? { domain } : {};
  const jetstream = connection.jetstream(within);
  try {
    return await jetstream.consumers.get(stream, SERVICE);
  } catch (error) {
    if (error.api_error?.err_code !== 10014) throw error;
  }
  const manager = await connection.jetstreamManager({ ...within, checkAPI: false });
  await manager.consumers.add(stream, {
    durable_name: SERVICE, ack_policy: AckPolicy.Explicit, ack_wait: nanos(ACK_SECONDS * 1000), max_deliver: -1,
    deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: position + 1,
    filter_subject: `plumbline.${ledger}.event.>`,
  });
  return await jetstream.consumers.get(stream, SERVICE);
}
