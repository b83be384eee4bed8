// A stock socket.io-client with its defaults (polling, then upgraded): prints what it lives through as lines of JSON.
// Usage: node contract.mjs URL TOKEN
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../frontend/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, token] = process.argv.slice(2);
const socket = io(url, { auth: token ? { token } : undefined, reconnectionDelay: 100, reconnectionDelayMax: 500 });
const print = (kind, value) => process.stdout.write(JSON.stringify([kind, value]) + "\n");

socket.onAny((event, ...args) => print(event, args));
socket.on("connect_error", (error) => print("connect_error", error.message));
socket.on("disconnect", (reason) => print("disconnect", reason));
socket.on("connect", async () => {
  print("connect", socket.recovered);
  print("subscribed", await socket.emitWithAck("subscribe", ["prices", "notifications"]));
  print("malformed", await socket.emitWithAck("subscribe", 5));
  socket.io.engine.once("upgrade", (transport) => print("upgrade", transport.name));
  if (socket.io.engine.transport.name === "websocket") print("upgrade", "websocket");
});
setTimeout(() => process.exit(1), 60_000).unref();
process.stdin.on("end", () => process.exit(0)).resume();
