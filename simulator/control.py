"""The status page, and the switch for faults (only from this machine)."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from simulator.faults import Fault
from simulator.venues.base import Venue, json_response

LONGEST = 86_400.0  # seconds a fault may be asked to last


class FaultRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /control. `factor`: price factor of a liar, seconds of a delay. No `seconds`: until cleared."""

    venue: str
    fault: Fault
    factor: float | None = None
    seconds: float | None = None


class Control:
    """GET / and POST /control."""

    def __init__(self, mode: str, venues: Mapping[str, Venue]) -> None:
        self._mode = mode
        self._venues = venues

    def routes(self) -> list[web.RouteDef]:
        """Their addresses."""
        return [web.get("/", self._status), web.post("/control", self._control)]

    async def _status(self, request: web.Request) -> web.Response:
        venues = {name: _describe(venue) for name, venue in self._venues.items()}
        return json_response({"status": "ok", "mode": self._mode, "venues": venues})

    async def _control(self, request: web.Request) -> web.Response:
        if not _is_local(request):
            return _refusal(403, "faults are switched from this machine only")
        if request.content_type != "application/json":  # keeps foreign web pages out: browsers must ask first
            return _refusal(415, "send application/json")
        try:
            order = msgspec.json.decode(await request.read(), type=FaultRequest)
            self._begin(order)
        except msgspec.DecodeError as error:
            return _refusal(400, str(error))
        except ValueError as error:
            return _refusal(400, str(error))
        return json_response({"status": "ok", "venue": order.venue, "faults": self._faults_of(order.venue)})

    def _faults_of(self, venue: str) -> list[str]:
        return self._venues[venue].hub.faults.names()

    def _begin(self, order: FaultRequest) -> None:
        """Switch the fault. Raises ValueError."""
        if order.venue not in self._venues:
            raise ValueError(f"venue: unknown, expected one of {', '.join(self._venues)}")
        if order.seconds is not None and not 0 < order.seconds <= LONGEST:
            raise ValueError(f"seconds: must be above 0 and at most {LONGEST:.0f}")
        hub = self._venues[order.venue].hub
        match order.fault:
            case Fault.CLEAR:
                hub.faults.clear()
            case Fault.DISCONNECT:
                hub.disconnect_all()
            case Fault.LIAR if self._mode != "generator":
                raise ValueError("fault: liar bends invented prices only; recordings are passed on as they are")
            case Fault.LIAR | Fault.DELAY if order.factor is None or not 0 < order.factor < 1_000:
                raise ValueError("factor: must be above 0 and below 1000 (price factor, or seconds of delay)")
            case _:
                hub.faults.begin(order.fault, factor=order.factor or 0.0, seconds=order.seconds)


def _describe(venue: Venue) -> dict[str, Any]:
    hub = venue.hub
    return {
        "symbols": list(venue.instruments),
        "connections": len(hub.sessions),
        "frames_sent": hub.frames_sent,
        "frames_dropped": hub.frames_dropped,
        "faults": hub.faults.names(),
    }


def _is_local(request: web.Request) -> bool:
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _refusal(status: int, reason: str) -> web.Response:
    return json_response({"error": reason}, status=status)
