"""Protobuf messages as values of the domain."""

import msgspec
from cryptovault.events.v1 import events_pb2 as pb
from cryptovault.prices.v1.price_pb2 import Candle, Price
from google.protobuf.timestamp_pb2 import Timestamp

from services.realtime.domain.packets import Packet
from services.realtime.domain.payloads import CandleView, Quote, Tick, UserEvent


def tick_of(price: Price) -> Tick:
    """A price as clients see it."""
    quote = Quote(
        price=price.price,
        bid=price.bid,
        ask=price.ask,
        change_24h=price.change_24h,
        quality=Price.Quality.Name(price.quality),
        seq=price.seq,
        ts=milliseconds(price.event_time),
        simulated=price.simulated,
    )
    return Tick(price.symbol, quote, milliseconds(price.published_at))


def candle_of(candle: Candle) -> CandleView:
    """A candle as clients see it."""
    return CandleView(
        open_time=int(milliseconds(candle.open_time)),
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
        trades=candle.trades,
        closed=candle.closed,
        revision=candle.revision,
        complete=candle.complete,
    )


def user_event_of(sequence: int, data: bytes) -> UserEvent | None:
    """A user event of the stream; None when it carries no JSON object."""
    event = pb.UserEvent.FromString(data)
    if not is_json_object(event.data_json):
        return None
    return UserEvent(sequence, event.user_id, event.event, event.data_json, milliseconds(event.created_at))


def packet_of(event: pb.RoomEvent) -> Packet:
    """A broadcast as clients get it. Raises ValueError when it carries neither a packet nor a JSON object."""
    if event.packet:
        return Packet.received(event.packet)
    if not is_json_object(event.data_json):
        raise ValueError("no JSON object")
    return Packet(event.event, event.data_json)


def milliseconds(moment: Timestamp) -> float:
    """A moment as clients see it: epoch milliseconds."""
    return moment.seconds * 1000 + moment.nanos / 1_000_000


def is_json_object(data: bytes) -> bool:
    """Whether the bytes can be put into an event as they are."""
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return False
    return True
