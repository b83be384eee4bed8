"""Who may read answers from other origins. What is forwarded to realtime has realtime's own rules."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.gateway.harness import gateway

ORIGIN = "https://app.example"


def realtime() -> web.Application:
    """Lets pages of any origin connect, as realtime does by default."""

    async def answer(request: web.Request) -> web.Response:
        allowed = {"Access-Control-Allow-Origin": request.headers["Origin"], "Vary": "Origin"}
        return web.Response(text=request.method, headers=allowed)

    app = web.Application()
    app.router.add_route("*", "/socket.io/", answer)
    return app


@pytest.mark.parametrize("origins", [(), (ORIGIN,), ("*",)])
async def test_long_polling_is_for_the_origins_that_realtime_lets_in(origins: tuple[str, ...]) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    async with TestServer(realtime()) as server, gateway(cors_origins=origins, realtime=str(server.make_url(""))) as up:
        poll = await up.client.get("/socket.io/?EIO=4&transport=polling", headers={"origin": ORIGIN})
        preflight = await up.client.options("/socket.io/?EIO=4&transport=polling", headers=asked)
    for answer, method in ((poll, "GET"), (preflight, "OPTIONS")):
        assert (answer.status_code, answer.text) == (200, method)
        assert answer.headers.get_list("access-control-allow-origin") == [ORIGIN]  # twice is as good as never
        assert answer.headers.get_list("vary") == ["Origin"]
