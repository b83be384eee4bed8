"""The change from polling to WebSocket: probe, answer, and the client's word that it has left polling."""

import asyncio

from services.realtime.engine import packets
from services.realtime.engine.packets import Received
from services.realtime.engine.polling import Polling
from services.realtime.engine.session import Session
from services.realtime.engine.websocket import WebSocket

TIMEOUT = 10.0  # seconds until an upgrade that goes nowhere is given up


class Probe:
    """Receives what comes on a WebSocket that is to take over."""

    def __init__(self, session: Session, polling: Polling, websocket: WebSocket) -> None:
        self._session = session
        self._polling = polling
        self._websocket = websocket
        self._answered = False
        polling.probed = True
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT, websocket.close)

    def received(self, packet: Received) -> None:
        """Follow the protocol, or close."""
        if packet == (packets.PING, "probe") and not self._polling.upgrading and not self._session.closed:
            self._answered = True
            self._websocket.send(packets.PROBE_ANSWER)
            self._polling.begin_upgrade()
        elif packet.kind == packets.UPGRADE and self._answered and not self._session.closed:
            self._timer.cancel()
            self._session.upgrade(self._websocket)
        else:
            self._websocket.close()

    def allows(self) -> bool:
        """Nothing but packets."""
        return False

    def lost(self) -> None:
        """The WebSocket is gone; polling goes on."""
        self._timer.cancel()
        self._polling.probed = False
        if self._answered:
            self._polling.upgrading = False

    def hold(self) -> None:
        """Nothing of weight is written here."""

    def resume(self) -> None:
        """Nothing of weight is written here."""
