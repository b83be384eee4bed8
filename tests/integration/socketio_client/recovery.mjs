// A stock socket.io-client that leaves and comes back when it is told to, and prints what it lives through as lines of JSON.
// Usage: node recovery.mjs URL TOKEN; then lines on standard input: "leave" (cut the transport), "come URL".
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../frontend/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, token] = process.argv.slice(2);
const socket = io(url, { auth: { token }, transports: ["websocket"], reconnection: false });
const print = (kind, value) => process.stdout.write(JSON.stringify([kind, value]) + "\n");

socket.onAny((event, ...args) => print(event, args));
socket.on("connect_error", (error) => print("connect_error", error.message));
socket.on("disconnect", (reason) => print("disconnect", reason));
socket.on("connect", async () => {
  print("connect", socket.recovered);
  if (!socket.recovered) print("subscribed", await socket.emitWithAck("subscribe", ["prices", "notifications"]));
});
const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const [command, target] = line.split(" ");
  if (command === "leave") socket.io.engine.close();
  if (command === "come") {
    socket.io.uri = target;
    socket.connect();
  }
});
commands.on("close", () => process.exit(0));
setTimeout(() => process.exit(1), 60_000).unref();
