"""From one frame to many sockets, in slices, so that nobody else waits for long.

Channels that are due together leave together: each socket gets the frames of all its channels in one write, joined once
for all sockets with the same ones. What is posted leaves in the order of posting.
"""

from collections import defaultdict, deque
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

    @classmethod
    def of(cls, dispatches: Sequence[Dispatch], audience: Audience) -> "Letter":
        """Dispatches that leave in one write."""
        packets = [packet for dispatch in dispatches for packet in dispatch.packets]
        return cls(packets[0] if len(packets) == 1 else Bundle(packets), audience, dispatches)


class Fanout:
    """Writes letters, the first slice at once, the others whenever `work` is called."""

    def __init__(self, laggards: Laggards, meter: Meter, clock: Clock) -> None:
        self._laggards = laggards
        self._meter = meter
        self._clock = clock
        self._posts: deque[Iterator[Letter]] = deque()
        self._posted = 0  # how many posts there have been
        self._letter: Letter | None = None  # the one that is being written
        self._position = 0  # in its audience
        self._left: dict[Socket, dict[str, int]] = {}  # for each channel that it has left, the last post before that
        self._listener: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is more to write."""
        return bool(self._posts)

    def on_waiting(self, listener: Callable[[], None]) -> None:
        """Tell the listener when `work` is to be called; without one, everything is written at once."""
        self._listener = listener

    def post(self, letters: Iterable[Letter]) -> None:
        """Write letters, after those that wait. Each is taken when its turn comes."""
        waited = self.busy
        self._posts.append(iter(letters))
        self._posted += 1
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

    def leave(self, socket: Socket, channel: str) -> None:
        """The socket has left a channel: nothing of it that was posted before is sent to it, also if it comes back."""
        if self.busy:
            self._left.setdefault(socket, {})[channel] = self._posted

    def work(self) -> bool:
        """Write a slice; returns whether there is more. What fails is not tried again: the rest still leaves."""
        room = SLICE
        while (letter := self._letter or self._next()) and room > 0:
            audience = self._part(letter, room)
            self._write(letter, audience)
            room -= len(audience)
        if not self.busy:
            self._left.clear()
        return self.busy

    def _next(self) -> Letter | None:
        self._position = 0
        while self._posts:
            self._letter = next(self._posts[0], None)
            if self._letter is not None:
                return self._letter
            self._posts.popleft()
        return None

    def _part(self, letter: Letter, room: int) -> Audience:
        begin, self._position = self._position, min(self._position + room, len(letter.audience))
        if self._position == len(letter.audience):
            self._letter = None
        return letter.audience.part(begin, self._position)

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
        """For one that has left channels: write it a letter of what remains."""
        left, post = self._left[socket], self._posted - len(self._posts) + 1
        remaining = [one for one in letter.dispatches if left.get(one.stream.channel, 0) < post]
        if len(remaining) < len(letter.dispatches):
            if remaining:
                alone = Audience([socket])
                self._write(Letter.of(remaining, alone), alone)
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
    """What is due on some streams, as letters to their present subscribers: each is in the audience of one at most."""
    if len(dispatches) == 1 and not movers:
        return iter([Letter.of(dispatches, registry.audience(dispatches[0].stream))])
    addressed = [one for dispatch in dispatches for one in movers.take(dispatch, registry.members(dispatch.stream))]
    due: defaultdict[Socket, list[int]] = defaultdict(list)  # for each socket the places of its dispatches
    for place, (_, members) in enumerate(addressed):
        for socket in members:
            due[socket].append(place)
    alike: defaultdict[tuple[int, ...], list[Socket]] = defaultdict(list)
    for socket, places in due.items():
        alike[tuple(places)].append(socket)
    return (
        Letter.of([addressed[place][0] for place in places], Audience(sockets)) for places, sockets in alike.items()
    )
