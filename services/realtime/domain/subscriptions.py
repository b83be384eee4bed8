"""Who is sent which channel, and at which pace."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from services.realtime.domain.channels import Channel, InvalidChannel, Kind, parse
from services.realtime.domain.dispatch import Change
from services.realtime.domain.fanout import SLICE
from services.realtime.domain.market import Market
from services.realtime.domain.movers import Movers
from services.realtime.domain.payloads import Rejection, Subscribed
from services.realtime.domain.registry import Registry, Socket
from services.realtime.domain.streams import SLOTS, Stream


class Subscriptions:
    """Grants channels, and keeps a stream of the market open while it has subscribers."""

    def __init__(self, registry: Registry, market: Market, most: int) -> None:
        self._registry = registry
        self._market = market
        self._most = most  # channels of one socket
        self._places: Counter[Stream] = Counter()  # those that are granted, whether or not they have been entered yet
        self.movers = Movers()

    def grant(self, socket: Socket, names: Sequence[str], hz: float | None) -> Subscribed:
        """Decide which channels the socket gets, at which paces if it wishes for so many updates per second."""
        subscribed, rejected = [], []
        for name in dict.fromkeys(names):
            try:
                channel = self._granted(socket, name)
            except InvalidChannel as reason:
                rejected.append(Rejection(name, str(reason)))
            else:
                self._place(socket, name, self._stream(socket, channel, hz))
                subscribed.append(name)
        paces = {name: socket.channels[name].hz for name in subscribed if socket.channels[name].hz}
        return Subscribed(subscribed, rejected, msgspec.UNSET if hz is None else paces)

    def give_up(self, socket: Socket, name: str) -> bool:
        """The socket has the channel no more; returns whether it had."""
        stream = socket.channels.pop(name, None)
        if stream is None:
            return False
        self._places[stream] -= 1
        if not self._places[stream]:
            del self._places[stream]
        return True

    def exists(self, name: str) -> bool:
        """Whether there is a channel of this name."""
        try:
            self._existing(name)
        except InvalidChannel:
            return False
        return True

    def enter(self, socket: Socket, stream: Stream) -> None:
        """The socket is sent the stream from now on."""
        if self._registry.join(socket, stream):
            self._market.open(stream)

    def move(self, socket: Socket, present: Stream, wanted: Stream) -> Mapping[str, Change]:
        """The socket is sent a channel at another pace; returns what it lacks, which it is to be sent at once."""
        lacking = dict(self._market.pending(present))
        self.leave(socket, present)
        self.enter(socket, wanted)
        self.movers.add(socket, wanted, self._market.pending(wanted))
        return lacking

    def leave(self, socket: Socket, stream: Stream) -> None:
        """The socket is not sent the stream any more."""
        self.movers.forget(socket, stream)
        if self._registry.leave(socket, stream):
            self._market.close(stream)

    def _place(self, socket: Socket, name: str, stream: Stream) -> None:
        if socket.channels.get(name) != stream:
            self.give_up(socket, name)
            socket.channels[name] = stream
            self._places[stream] += 1

    def _stream(self, socket: Socket, channel: Channel, hz: float | None) -> Stream:
        """Where the socket is already, if the pace is the same; else the first slot with room, or with the fewest."""
        first, present = self._market.stream(channel, hz), socket.channels.get(channel.name)
        if present is not None and present.hz == first.hz:
            return present
        roomy = (stream for stream in map(first.at, range(SLOTS)) if self._places[stream] < SLICE)
        return next(roomy, None) or min(map(first.at, range(SLOTS)), key=self._places.__getitem__)

    def _existing(self, name: str) -> Channel:
        channel = parse(name)
        if channel.symbol and not self._market.knows(channel.symbol):
            raise InvalidChannel(f"unknown symbol {channel.symbol}")
        return channel

    def _granted(self, socket: Socket, name: str) -> Channel:
        channel = self._existing(name)
        if channel.kind is Kind.NOTIFICATIONS and socket.identity is None:
            raise InvalidChannel("authenticate first")
        if name not in socket.channels and len(socket.channels) >= self._most:
            raise InvalidChannel(f"a socket has at most {self._most} subscriptions")
        return channel
