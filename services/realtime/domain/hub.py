"""The heart of realtime: sockets come and go, subscribe, and are sent what concerns them. Nothing here waits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from random import Random

import msgspec

from services.kit.clock import Clock
from services.realtime.domain import payloads
from services.realtime.domain.channels import NOTIFICATIONS
from services.realtime.domain.dispatch import dispatch_of, packets_of
from services.realtime.domain.expiry import WARNING, Expiries
from services.realtime.domain.fanout import Fanout, Letter, letters
from services.realtime.domain.laggards import Laggards
from services.realtime.domain.market import Market
from services.realtime.domain.meter import Meter
from services.realtime.domain.packets import Bundle, Packet
from services.realtime.domain.payloads import MILLISECONDS, Subscribed, UserEvent, encode
from services.realtime.domain.recovery import Offset, RecentEvents
from services.realtime.domain.recovery import encode as encode_offset
from services.realtime.domain.registry import Audience, Identity, Registry, Socket
from services.realtime.domain.streams import Stream
from services.realtime.domain.subscriptions import Subscriptions


class Hub:
    """All sockets of this node, and everything that is sent to them."""

    def __init__(self, node: str, market: Market, clock: Clock, max_subscriptions: int) -> None:
        self.market = market
        self.meter = Meter()
        self.registry = Registry()
        self._node = node
        self._clock = clock
        self.recent = RecentEvents()
        self._expiries = Expiries()
        self._laggards = Laggards(self.meter)
        self._subscriptions = Subscriptions(self.registry, market, max_subscriptions)
        self.fanout = Fanout(self._laggards, self.meter, clock)

    def begin(self, last: int) -> None:
        """User events later than `last` are delivered from now on, also where the stream has begun anew."""
        if last < self.recent.last:
            for socket in self.registry.all():
                socket.delivered = last
        self.recent.begin(last)

    def connect(self, socket: Socket, identity: Identity | None) -> None:
        """Take in a new socket."""
        self.registry.add(socket)
        self.meter.connects += 1
        if identity is not None:
            self.authenticate(socket, identity)

    def restore(
        self, socket: Socket, channels: Mapping[str, float | None], after: int, missed: Sequence[UserEvent]
    ) -> None:
        """Let a socket that was just taken in carry on: `missed` are the user events up to `after`.

        The channels come with the paces that were chosen for them.
        """
        self.meter.recoveries += 1
        socket.delivered, socket.backlog = after, list(missed)
        for name, hz in channels.items():
            self.subscribe(socket, [name], hz)

    def greet(self, socket: Socket, recovered: bool = False) -> None:
        """Say hello, the first event on every connection; then what was missed, and snapshots."""
        if socket not in self.registry:
            return
        backlog, socket.backlog = socket.backlog or (), None
        hello = payloads.Hello(server_time=self._milliseconds(), node=self._node, recovered=recovered)
        missed = [packet for event in backlog for packet in _packets_for(socket, event)]
        self._send_together([Packet("hello", encode(hello)), *missed, _mark_of(socket)], socket)
        self.join(socket, list(socket.channels))

    def mark(self, socket: Socket) -> None:
        """Tell a socket where it stands, for when it comes back."""
        self._send(_mark_of(socket), [socket])

    def disconnect(self, socket: Socket) -> None:
        """Forget a socket that is gone."""
        if socket not in self.registry:
            return
        self.unsubscribe(socket, list(socket.channels))
        self.registry.remove(socket)
        self._expiries.forget(socket)
        self._laggards.forget(socket)
        self.meter.disconnects += 1

    def authenticate(self, socket: Socket, identity: Identity) -> None:
        """The socket speaks for this user from now on, until the identity expires."""
        if socket.identity is None or socket.identity.user_id != identity.user_id:
            socket.delivered = self.recent.last
        self.registry.identify(socket, identity)
        self._expiries.watch(socket, identity.expires_at - WARNING)

    def subscribe(self, socket: Socket, names: Sequence[str], hz: float | None = None) -> Subscribed:
        """Decide which channels the socket gets, and at which pace, where it wishes for so many updates per second.

        They begin, or change their pace, with `join`, so that the answer can go out before them.
        """
        return self._subscriptions.grant(socket, names, hz)

    def has_channel(self, name: str) -> bool:
        """Whether there is a channel of this name."""
        return self._subscriptions.exists(name)

    def join(self, socket: Socket, names: Iterable[str]) -> None:
        """Begin to send: first a snapshot of each channel, then what changes. Unless the socket has left since.

        A socket that is sent the channel at another pace changes over: it is not sent again what it has.
        """
        if socket not in self.registry:
            return
        for name in names:
            wanted, present = socket.channels.get(name), self.registry.stream_of(socket, name)
            if wanted is None or wanted == present:
                continue
            if present is None:
                self._join(socket, wanted)
            else:
                self._move(socket, present, wanted)

    def unsubscribe(self, socket: Socket, names: Iterable[str]) -> list[str]:
        """End subscriptions; returns those that existed."""
        ended = []
        for name in dict.fromkeys(names):
            if not self._subscriptions.give_up(socket, name):
                continue
            ended.append(name)
            self._laggards.leave(socket, name)
            self.fanout.leave(socket, name)
            present = self.registry.stream_of(socket, name)
            if present is not None:
                self._subscriptions.leave(socket, present)
        return ended

    def flush(self) -> None:
        """Send what is due to the slot whose turn it is."""
        dispatches = list(self.market.due(self._clock.monotonic(), self._milliseconds()))
        self.fanout.post(letters(dispatches, self.registry, self._subscriptions.movers))

    def hold(self, socket: Socket) -> None:
        """The socket reads more slowly than it is written to."""
        self._laggards.hold(socket, self._clock.monotonic())

    def release(self, socket: Socket) -> None:
        """The socket has read what was waiting for it."""
        self._laggards.release(socket, self._clock.monotonic())
        self._catch_up([socket])

    @property
    def slow(self) -> int:
        """How many sockets are on the ladder of those that read too slowly."""
        return len(self._laggards)

    def tend(self) -> None:
        """Write to slow sockets what they missed, and cut off those for which there is no hope."""
        if not self._laggards:
            return
        for socket in self._laggards.take_hopeless(self._clock.monotonic()):
            self._laggards.forget(socket)
            socket.outlet.cut_off()
        self._catch_up(list(self._laggards))

    def broadcast(self, channel: str, event: str, data: bytes) -> None:
        """Send an event to the subscribers of a channel, "*" being everybody. `data` is a JSON object."""
        self.post(channel, Packet(event, data))

    def post(self, channel: str, packet: Packet) -> None:
        """Send a packet to the subscribers of a channel, "*" being everybody."""
        audiences = [Audience(self.registry.all())] if channel == "*" else self.registry.audiences(channel)
        self.fanout.post(Letter(packet, audience) for audience in audiences)

    def send(self, packet: Packet, sockets: Iterable[Socket]) -> None:
        """Send a packet to some sockets, however many."""
        self.fanout.post([Letter(packet, Audience(sockets))])

    def deliver(self, event: UserEvent) -> None:
        """Send a user's event to the user's sockets, each once. Events come in the order of their ids."""
        self.recent.add(event)
        for socket in self.registry.of_user(event.user_id):
            if event.id <= socket.delivered:
                continue
            socket.delivered = event.id
            if socket.backlog is None:
                self._send_together([*_packets_for(socket, event), _mark_of(socket)], socket)
            else:
                socket.backlog.append(event)

    def revoke(self, user_id: str, session_id: str, epoch: int) -> None:
        """Disconnect the sockets of a session; without one, those of all the user's sessions from before `epoch`."""
        sockets = self.registry.of_session(session_id) if session_id else self.registry.of_user(user_id)
        for socket in list(sockets):
            if session_id or (socket.identity is not None and socket.identity.epoch < epoch):
                self._end_session(socket, "revoked")
                socket.outlet.disconnect()

    def expire(self) -> None:
        """Warn those whose token ends soon; from those whose token has ended, take the user away."""
        now = self._clock.time()
        for socket, identity in self._expiries.due(now):
            if identity.expires_at <= now:
                self._end_session(socket, "expired")
            else:
                self._expiries.watch(socket, identity.expires_at)
                expiring = payloads.TokenExpiring(expires_at=identity.expires_at * MILLISECONDS)
                self._send(Packet("token_expiring", encode(expiring)), [socket])

    def suggest_reconnect(self, sockets: Iterable[Socket], spread: float, random: Random) -> None:
        """Tell sockets to come back elsewhere, each after a delay of its own of at most `spread` seconds."""
        for socket in sockets:
            hint = payloads.ReconnectHint(delay_ms=int(random.uniform(0, spread) * MILLISECONDS))
            self._send(Packet("system", encode(hint)), [socket])

    def _join(self, socket: Socket, stream: Stream) -> None:
        self._subscriptions.enter(socket, stream)
        snapshot = self.market.snapshot(stream, self._milliseconds())
        if snapshot is not None:
            self._send(snapshot, [socket])

    def _move(self, socket: Socket, present: Stream, wanted: Stream) -> None:
        lacking = self._subscriptions.move(socket, present, wanted)
        if lacking:  # posted, so that it comes after what is on its way at the pace there was
            dispatch = dispatch_of(wanted, lacking, self._milliseconds())
            self.fanout.post([Letter.of([dispatch], Audience([socket]))])

    def _catch_up(self, sockets: Iterable[Socket]) -> None:
        now, sent_at = self._clock.monotonic(), self._milliseconds()
        for socket in sockets:
            for channel, changes in self._laggards.take(socket, now).items():
                for packet in packets_of(channel, changes, sent_at):
                    self._send(packet, [socket])

    def _end_session(self, socket: Socket, reason: str) -> None:
        lost = self.unsubscribe(socket, [NOTIFICATIONS.name])
        self.registry.identify(socket, None)
        self._expiries.forget(socket)
        self._send(Packet("session_ended", encode(payloads.SessionEnded(reason, lost))), [socket])
        self.mark(socket)

    def _send(self, packet: Packet, sockets: Collection[Socket]) -> None:
        for socket in sockets:
            socket.outlet.send(packet)
        self.meter.sent(len(sockets), packet.size)

    def _send_together(self, packets: Sequence[Packet], socket: Socket) -> None:
        socket.outlet.send(Bundle(packets))
        for packet in packets:
            self.meter.sent(1, packet.size)

    def _milliseconds(self) -> float:
        return round(self._clock.time() * MILLISECONDS, 3)


def _packets_for(socket: Socket, event: UserEvent) -> list[Packet]:
    """A user event under its own name, and as `notification` for a socket that is subscribed to notifications.

    An event that is itself called "notification" has one form only, whatever the socket is subscribed to.
    """
    body = payloads.Notification(event.id, event.event, msgspec.Raw(event.data), event.created_at)
    notification = Packet("notification", encode(body))
    if event.event == notification.event:
        return [notification]
    named = Packet(event.event, event.data)
    return [named, notification] if NOTIFICATIONS.name in socket.channels else [named]


def _mark_of(socket: Socket) -> Packet:
    user_id = socket.identity.user_id if socket.identity else ""
    slowed = {name: stream.hz for name, stream in socket.channels.items() if stream.slowed}
    offset = Offset(user_id, socket.delivered, list(socket.channels), slowed)
    return Packet("offset", encode(encode_offset(offset)))
