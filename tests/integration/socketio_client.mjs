// A stock socket.io-client: connects, subscribes to a channel, prints every event as a line of JSON, ends after N updates.
// Usage: node socketio_client.mjs URL CHANNEL UPDATES
import { createRequire } from "node:module";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, channel, wanted] = process.argv.slice(2);
const socket = io(url, { transports: ["websocket"] });
let updates = 0;

const print = (event, data) => process.stdout.write(JSON.stringify({ event, data }) + "\n");

socket.onAny((event, data) => {
  print(event, data);
  if (event === "price_update" && ++updates >= Number(wanted)) socket.disconnect();
});
socket.on("connect", () => socket.emit("subscribe", [channel], (answer) => print("subscribed", answer)));
socket.on("connect_error", (error) => print("connect_error", error.message));
socket.on("disconnect", () => process.exit(0));
setTimeout(() => process.exit(1), 30_000).unref();
