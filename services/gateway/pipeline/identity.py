"""Who asks: noted for all policies that come after."""

from collections.abc import Awaitable

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.kit.addresses import arrived_by_tls, client_address


class ClientIdentity:
    """Finds the client's address and scheme. Headers count only as far as `trusted_hops` proxies have written them."""

    def __init__(self, handler: Handler, trusted_hops: int) -> None:
        self._next = handler
        self._trusted_hops = trusted_hops

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its client's address."""
        hops = self._trusted_hops
        exchange.client_ip = exchange.peer
        if hops:
            exchange.client_ip = client_address(exchange.peer, exchange.text(b"x-forwarded-for"), hops)
            exchange.secure = exchange.secure or arrived_by_tls(exchange.text(b"x-forwarded-proto"), hops)
        return self._next(exchange)
