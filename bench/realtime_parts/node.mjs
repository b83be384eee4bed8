// Node's Socket.IO under measurement: node node.mjs PORT HZ SYMBOLS. Sends what servers.py sends.
import { Server } from "socket.io";

const [port, hertz, symbols] = process.argv.slice(2).map(Number);
const io = new Server(port, { cors: { origin: "*" } });
const price = { price: "61234.50", bid: "61234.00", ask: "61235.00", change_24h: "1.52", quality: "GOOD" };

let seq = 0;
if (hertz) {
  setInterval(() => {
    const now = performance.timeOrigin + performance.now();
    seq += 1;
    const prices = {};
    for (let number = 0; number < symbols; number++) {
      prices[`S${String(number).padStart(3, "0")}-USD`] = { ...price, seq, ts: now };
    }
    io.emit("price_update", { prices, published_at: now, sent_at: now });
  }, 1000 / hertz);
}
