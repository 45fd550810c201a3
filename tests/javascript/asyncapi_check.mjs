// Reads an AsyncAPI document from standard input and says, as JSON, what the official parser finds in it.
import { text } from "node:stream/consumers";

import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("/"), severity }));
const channels = document?.channels().all() ?? [];
const operations = document?.operations().all() ?? [];
console.log(
  JSON.stringify({
    diagnostics: found,
    version: document?.version() ?? null,
    channels: Object.fromEntries(channels.map((c) => [c.id(), [c.address() ?? null, c.messages().all().map((m) => m.id())]])),
    operations: Object.fromEntries(operations.map((o) => [o.id(), [o.action(), o.reply()?.channel()?.id() ?? null]])),
    headers: Object.keys(document?.messages().get("PointsGranted")?.headers()?.properties() ?? {}),
  }),
);
