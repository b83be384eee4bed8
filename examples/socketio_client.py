"""Print live prices.

pip install "python-socketio[asyncio-client]"; python examples/socketio_client.py [--hz 1] [URL]
"""

import argparse
import asyncio

import socketio


async def main(url: str, hz: float | None) -> None:
    client = socketio.AsyncClient()

    @client.on("price_update")
    def show(update: dict) -> None:
        for symbol, quote in update["prices"].items():
            print(f"{symbol:<12} {quote['price']:>14}  {quote['quality']}")

    @client.on("connect")  # after every reconnection too
    async def subscribe() -> None:
        print(await client.call("subscribe", (["prices"], {"hz": hz}) if hz else ["prices"]))

    await client.connect(url, transports=["websocket"])
    await client.wait()


parser = argparse.ArgumentParser(description="Print live prices.")
parser.add_argument("url", nargs="?", default="http://localhost:8002")
parser.add_argument("--hz", type=float, help="the most updates per second; without it as many as there are")
options = parser.parse_args()
asyncio.run(main(options.url, options.hz))
