"""A poller that has fallen behind: in which order it is sent what waited, and what it is sent when it has caught up."""

from services.realtime.engine.packets import message
from services.realtime.engine.polling import Polling
from services.realtime.engine.session import SLOW, Options, Session


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
