// Node's Socket.IO under measurement: node node.mjs PORT HZ SYMBOLS. Sends what stock.py sends.
import { Server } from "socket.io";

const [port, hertz, symbols] = process.argv.slice(2).map(Number);
const io = new Server(port, { cors: { origin: "*" } });
const price = { price: "61234.50", bid: "61234.00", ask: "61235.00", change_24h: "1.52", quality: "GOOD" };
const wanted = new Set();

io.on("connection", (socket) => {
  socket.on("subscribe", (channels, answer) => {
    channels.forEach((channel) => wanted.add(channel));
    socket.join(channels);
    answer?.({ subscribed: channels });
  });
});

let seq = 0;
function send() {
  const now = performance.timeOrigin + performance.now();
  seq += 1;
  const prices = {};
  for (let number = 0; number < symbols; number++) {
    const symbol = `S${String(number).padStart(3, "0")}-USD`;
    prices[symbol] = { ...price, seq, ts: now };
    if (!wanted.has(`prices:${symbol}`)) continue;
    const update = { prices: { [symbol]: prices[symbol] }, published_at: now, sent_at: now };
    io.to(`prices:${symbol}`).emit("price_update", update);
  }
  if (wanted.has("prices")) io.to("prices").emit("price_update", { prices, published_at: now, sent_at: now });
}
if (hertz) setInterval(send, 1000 / hertz);
