"""What waits: for a poller that has fallen behind, in which order; from a client whose messages take long, how much."""

import asyncio

import pytest

from services.realtime.engine import packets, session
from services.realtime.engine.packets import Received, message
from services.realtime.engine.polling import Polling
from services.realtime.engine.session import SLOW, TOO_FAST, Options, Session


class Owner:
    """Sends news to whoever has caught up."""

    options = Options(hold_buffer=10)

    def __init__(self) -> None:
        self.handlers = self
        self.told: list[bool] = []

    def held(self, session, slow):
        self.told.append(slow)
        if not slow:
            session.send(message("news"))

    def upgraded(self, session):
        pass

    def forget(self, session):
        pass

    def spawn(self, session):
        pass


class FakeWebSocket:
    """Remembers what was sent, and has so many bytes unsent."""

    def __init__(self, unsent: int) -> None:
        self.unsent = unsent
        self.sent: list[str] = []

    def adopt(self, wire):
        pass

    def send(self, packet, taken=0):
        self.sent.append(packet.payload)


def slow_poller():
    owner, polling = Owner(), Polling(hold_buffer=10)
    session = Session(owner, "sid", "address", polling, 0.0)
    session.send(message("so much that it is slow"))
    return owner, session, polling


async def test_who_polls_at_last_gets_what_waited_and_then_the_news():
    owner, _, polling = slow_poller()
    assert [await polling.poll(), await polling.poll()] == ["4so much that it is slow", "4news"]
    assert owner.told == [True, False]


def test_who_changes_to_a_websocket_gets_what_waited_and_then_the_news():
    _, session, _ = slow_poller()
    session.upgrade(websocket := FakeWebSocket(unsent=10))
    assert websocket.sent == ["4so much that it is slow", "4news"]


def test_a_websocket_that_is_full_at_once_is_as_slow_as_polling_was():
    owner, session, _ = slow_poller()
    session.upgrade(FakeWebSocket(unsent=11))
    assert (session.slow, owner.told) == (True, [True])


def test_who_is_cut_off_has_not_caught_up():
    owner, session, _ = slow_poller()
    session.cut(SLOW)
    assert owner.told == [True]


class Hesitant(Owner):
    """Takes its time over every message, until it is let go."""

    options = Options(messages_per_second=10)

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[str] = []
        self.reasons: list[str] = []
        self.let_go = asyncio.Event()

    def spawn(self, session):
        self.work = asyncio.get_running_loop().create_task(session.work())

    async def message(self, session, data):
        await self.let_go.wait()
        self.handled.append(data)

    async def closed(self, session, reason):
        self.reasons.append(reason)


async def let_through(count):
    """What is handled of so many messages, when two may wait, and why the session has ended."""
    owner = Hesitant()
    client = Session(owner, "sid", "address", Polling(hold_buffer=10), 0.0)
    for number in range(count):
        client.received(Received(packets.MESSAGE, str(number)))
        await asyncio.sleep(0)  # the first is being handled
    owner.let_go.set()
    await owner.work
    return owner.handled, owner.reasons


@pytest.mark.parametrize(("count", "reasons"), [(3, []), (4, [TOO_FAST])])
async def test_a_client_of_whom_too_many_messages_wait_is_cut_off(monkeypatch, count, reasons):
    monkeypatch.setattr(session, "BACKLOG", 0.2)
    assert await let_through(count) == (["0", "1", "2"], reasons)
