"""Subscribe and unsubscribe messages of Coinbase Exchange's feed."""

from collections.abc import Container
from typing import Any

import msgspec

CHANNELS = ("ticker", "matches", "heartbeat")


class Channel(msgspec.Struct, frozen=True):
    """A channel with products of its own."""

    name: str
    product_ids: list[str] = []


class Request(msgspec.Struct, frozen=True):
    """`channels` holds names, which take the request's `product_ids`, and channel objects."""

    type: str
    product_ids: list[str] = []
    channels: list[str | Channel] = []


class BadRequest(Exception):
    """A request that is answered with an error message."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


def parse(text: str) -> Request:
    """Read a message. Raises BadRequest."""
    try:
        body: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise BadRequest("Malformed JSON") from None
    try:
        request = msgspec.convert(body, Request)
    except msgspec.ValidationError as error:
        raise BadRequest("Failed to subscribe", str(error)) from None
    if request.type not in ("subscribe", "unsubscribe"):
        raise BadRequest("Type has to be either subscribe or unsubscribe")
    return request


def wanted(request: Request, products: Container[str]) -> list[tuple[str, str]]:
    """The (channel, product) pairs a request names. Raises BadRequest for the first that does not exist."""
    pairs = []
    for item in request.channels:
        channel = Channel(item) if isinstance(item, str) else item
        if channel.name not in CHANNELS:
            raise BadRequest("Failed to subscribe", f"{channel.name} is not a valid channel")
        chosen = channel.product_ids or request.product_ids
        if not chosen and request.type == "subscribe":
            reason = f"You need to specify at least one product ID for channel {channel.name}"
            raise BadRequest("Failed to subscribe", reason)
        for product in chosen:
            if product not in products:
                raise BadRequest("Failed to subscribe", f"{product} is not a valid product")
            pairs.append((channel.name, product))
    return pairs
