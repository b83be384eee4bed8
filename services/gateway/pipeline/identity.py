"""Who is at the other end: the peer's address, or what trusted proxies in front of us say it was."""

import ipaddress

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.kit.caller import Caller


class ClientIdentity:
    """Finds the client's address. X-Forwarded-For counts only as far as `trusted_hops` proxies have written it."""

    def __init__(self, handler: Handler, trusted_hops: int) -> None:
        self._next = handler
        self._trusted_hops = trusted_hops

    async def __call__(self, exchange: Exchange) -> Answer:
        """Pass the exchange on with its client's address and the anonymous caller."""
        exchange.client_ip = client_address(exchange.peer, exchange.text(b"x-forwarded-for"), self._trusted_hops)
        if self._trusted_hops and exchange.text(b"x-forwarded-proto") == "https":
            exchange.secure = True
        exchange.caller = Caller(
            client_ip=exchange.client_ip,
            user_agent=exchange.text(b"user-agent"),
            request_id=exchange.request_id,
        )
        return await self._next(exchange)


def client_address(peer: str, forwarded_for: str, trusted_hops: int) -> str:
    """The address that the outermost trusted proxy saw; the peer's when the header is absent or malformed."""
    if trusted_hops == 0 or not forwarded_for:
        return peer
    chain = [part.strip() for part in forwarded_for.split(",")][-trusted_hops:]
    try:
        return str(ipaddress.ip_address(chain[0].strip("[]")))
    except ValueError:
        return peer
