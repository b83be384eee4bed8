// Stock socket.io-clients that remember what reached them: node recovering.mjs URL FILE, where FILE holds an object of
// access tokens by user. Says when all are connected; a line on standard input asks for the report.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, file] = process.argv.slice(2);
const tokens = Object.entries(JSON.parse(readFileSync(file)));
const received = {};
const away = [];
let recovered = 0;
let connected = 0;

for (const [user, token] of tokens) {
  const seen = (received[user] = []);
  const socket = io(url, { auth: { token }, transports: ["websocket"], forceNew: true });
  let left = 0;
  socket.on("bench", ({ n }) => seen.push(n));
  socket.on("disconnect", () => (left = performance.now()));
  socket.on("connect", () => {
    if (left) {
      away.push(performance.now() - left);
      recovered += socket.recovered;
    } else if (++connected === tokens.length) console.log(JSON.stringify({ connected }));
  });
}
createInterface({ input: process.stdin }).once("line", () => {
  console.log(JSON.stringify({ received, away, recovered }));
  process.exit(0);
});
