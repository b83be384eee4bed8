"""The innermost step: the route's own handler, inside the trace and with what it may tell upstreams of the client."""

from services.gateway.pipeline.exchange import ANONYMOUS, Answer, Exchange
from services.gateway.pipeline.tracing import inside_trace
from services.kit.caller import Caller


async def call_route(exchange: Exchange) -> Answer:
    """The route's answer. What is set up here is what a kept answer does not need."""
    route = exchange.route
    assert route is not None
    if exchange.caller is ANONYMOUS:
        exchange.caller = Caller(
            client_ip=exchange.client_ip,
            user_agent=exchange.text(b"user-agent"),
            request_id=exchange.request_id,
        )
    with inside_trace(exchange):
        return await route.handler(exchange)
