// Stock socket.io-clients, one for each token, that reconnect by themselves; prints what they live through as lines of JSON.
// Usage: node crowd.mjs URL TOKEN...
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../frontend/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, ...tokens] = process.argv.slice(2);
tokens.forEach((token, index) => {
  const socket = io(url, { auth: { token }, transports: ["websocket"], forceNew: true });
  const print = (kind, value) => process.stdout.write(JSON.stringify([index, kind, value]) + "\n");
  socket.on("hello", ({ node, recovered }) => print("hello", [node, recovered]));
  socket.on("order_filled", ({ n }) => print("order_filled", n));
  socket.on("disconnect", (reason) => print("disconnect", reason));
});
setTimeout(() => process.exit(1), 120_000).unref();
process.stdin.on("end", () => process.exit(0)).resume();
