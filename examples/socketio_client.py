"""Print live prices: pip install "python-socketio[asyncio-client]", then python examples/socketio_client.py [URL]"""

import asyncio
import sys

import socketio


async def main(url: str) -> None:
    client = socketio.AsyncClient()

    @client.on("price_update")
    def show(update: dict) -> None:
        for symbol, quote in update["prices"].items():
            print(f"{symbol:<12} {quote['price']:>14}  {quote['quality']}")

    await client.connect(url, transports=["websocket"])
    print(await client.call("subscribe", ["prices"]))
    await client.wait()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8002"))
