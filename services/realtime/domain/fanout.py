"""From one frame to many sockets, in slices, so that nobody else waits for long.

Channels that are due together leave together: each socket gets the frames of all its channels in one write, joined once
for all sockets with the same ones. What is posted leaves in the order of posting.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.kit.clock import Clock
from services.realtime.domain.dispatch import Dispatch
from services.realtime.domain.laggards import Laggards
from services.realtime.domain.meter import Meter
from services.realtime.domain.movers import Movers
from services.realtime.domain.packets import Bundle, Packet
from services.realtime.domain.payloads import MILLISECONDS
from services.realtime.domain.registry import Audience, Registry, Socket

SLICE = 500  # writes, some milliseconds of work


@dataclass(frozen=True, slots=True)
class Letter:
    """What some sockets are sent, and the changes of channels that are in it."""

    packet: Packet | Bundle
    audience: Audience
    dispatches: Sequence[Dispatch] = ()


class Fanout:
    """Writes letters, the first slice at once, the others whenever `work` is called."""

    def __init__(self, registry: Registry, laggards: Laggards, meter: Meter, clock: Clock) -> None:
        self._registry = registry
        self._laggards = laggards
        self._meter = meter
        self._clock = clock
        self._queue: deque[Letter] = deque()
        self._position = 0  # in the audience of the first letter
        self._left: set[Socket] = set()  # those that have left a channel since their letter was posted
        self._listener: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is more to write."""
        return bool(self._queue)

    def on_waiting(self, listener: Callable[[], None]) -> None:
        """Tell the listener when `work` is to be called; without one, everything is written at once."""
        self._listener = listener

    def post(self, letters: Iterable[Letter]) -> None:
        """Write letters, after those that wait."""
        waited = self.busy
        self._queue.extend(letters)
        if waited:
            return
        if self._listener is None:
            while self.work():
                pass
            return
        try:
            self.work()
        finally:
            if self.busy:
                self._listener()

    def leave(self, socket: Socket) -> None:
        """The socket has left a channel, of which it is sent nothing more."""
        if self._queue:
            self._left.add(socket)

    def work(self) -> bool:
        """Write a slice; returns whether there is more. What fails is not tried again: the rest still leaves."""
        room = SLICE
        while self._queue and room > 0:
            letter, audience = self._next(room)
            self._write(letter, audience)
            room -= len(audience)
        if not self._queue:
            self._left.clear()
        return self.busy

    def _next(self, room: int) -> tuple[Letter, Audience]:
        letter, begin = self._queue[0], self._position
        end = self._position = min(begin + room, len(letter.audience))
        if end == len(letter.audience):
            self._queue.popleft()
            self._position = 0
        return letter, letter.audience.part(begin, end)

    def _write(self, letter: Letter, audience: Audience) -> None:
        if letter.dispatches and (self._laggards or self._left):
            audience = Audience(socket for socket in audience.sockets if self._takes(socket, letter))
        give(letter.packet, audience)
        self._meter.sent(len(audience) * letter.packet.count, letter.packet.size // letter.packet.count)
        published_at = max((dispatch.newest for dispatch in letter.dispatches), default=0.0)
        if published_at:
            self._meter.delayed([published_at], self._clock.time() * MILLISECONDS)

    def _takes(self, socket: Socket, letter: Letter) -> bool:
        """Whether a socket is to be sent the letter as it is."""
        if socket in self._left:
            return self._remains(socket, letter)
        return not self._laggards.keep(socket, letter.dispatches)

    def _remains(self, socket: Socket, letter: Letter) -> bool:
        """For one that has left a channel: write it a letter of what remains."""
        remaining = [one for one in letter.dispatches if self._registry.stream_of(socket, one.stream.channel)]
        if len(remaining) < len(letter.dispatches):
            if remaining:
                alone = Audience([socket])
                self._write(Letter(joined(remaining), alone, remaining), alone)
            return False
        return not self._laggards.keep(socket, letter.dispatches)


def give(packet: Packet | Bundle, audience: Audience) -> None:
    """Write a packet to all. The loop does next to nothing but write: it is where realtime spends its time."""
    frame = packet.frame
    size, short = len(frame), []
    for position, write in enumerate(audience.writes):
        try:
            taken = write(frame)
        except OSError:
            taken = 0
        if taken != size:
            short.append((position, taken))
    for position, taken in short:
        audience.sockets[position].outlet.send(packet, taken)


def letters(dispatches: Sequence[Dispatch], registry: Registry, movers: Movers) -> Iterator[Letter]:
    """What is due on some streams, as letters to their subscribers: each socket is in the audience of one at most."""
    if len(dispatches) == 1 and not movers:
        yield Letter(joined(dispatches), registry.audience(dispatches[0].stream), dispatches)
        return
    addressed = [one for dispatch in dispatches for one in movers.take(dispatch, registry.members(dispatch.stream))]
    due: dict[Socket, int] = {}  # for each socket a bit set of dispatches
    for number, (_, members) in enumerate(addressed):
        bit = 1 << number
        for socket in members:
            due[socket] = due.get(socket, 0) | bit
    alike: dict[int, list[Socket]] = {}
    for socket, bits in due.items():
        alike.setdefault(bits, []).append(socket)
    for bits, sockets in alike.items():
        together = [addressed[number][0] for number in _numbers(bits)]
        yield Letter(joined(together), Audience(sockets), together)


def _numbers(bits: int) -> Iterator[int]:
    """The places of a bit set."""
    while bits:
        yield (bits & -bits).bit_length() - 1
        bits &= bits - 1


def joined(dispatches: Sequence[Dispatch]) -> Packet | Bundle:
    """What leaves in one write."""
    packets = [packet for dispatch in dispatches for packet in dispatch.packets]
    return packets[0] if len(packets) == 1 else Bundle(packets)
