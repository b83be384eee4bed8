"""The gateway's own routes: health, the API's description, and the pages that show it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from services.gateway.components import DOWN, Components
from services.gateway.pipeline.exchange import JSON, Answer, Exchange, Route
from services.gateway.pipeline.response_cache import etag
from services.gateway.site import File, Site
from services.kit.health import Health

NO_STORE = (b"cache-control", b"no-store")
NO_CACHE = (b"cache-control", b"no-cache")


def own_routes(health: Health, components: Components, openapi: bytes, docs: Site) -> list[Route]:
    """The routes that no proto declares."""
    handlers: dict[str, Callable[[Exchange], Awaitable[Answer]]] = {
        "/ping": _fixed({"status": "ok"}),
        "/health": _health(components),
        "/live": _state("live", lambda: health.live),
        "/ready": _state("ready", lambda: health.ready),
        "/openapi.json": _document(openapi),
        "/docs": _page(docs, "index.html"),
        "/docs/{file}": _files(docs),
    }
    return [Route("GET", path, handler, name=path) for path, handler in handlers.items()]


def _json(status: int, value: object) -> Answer:
    return Answer(status, [(b"content-type", JSON), NO_STORE], msgspec.json.encode(value))


def _fixed(value: object) -> Callable[[Exchange], Awaitable[Answer]]:
    answer = _json(200, value)

    async def handle(exchange: Exchange) -> Answer:
        return answer

    return handle


def _state(name: str, holds: Callable[[], bool]) -> Callable[[Exchange], Awaitable[Answer]]:
    async def handle(exchange: Exchange) -> Answer:
        return _json(200, {"status": name}) if holds() else _json(503, {"status": f"not {name}"})

    return handle


def _health(components: Components) -> Callable[[Exchange], Awaitable[Answer]]:
    async def handle(exchange: Exchange) -> Answer:
        report = await components.report()
        return _json(503 if report.status == DOWN else 200, report)

    return handle


def _document(body: bytes) -> Callable[[Exchange], Awaitable[Answer]]:
    answer = Answer(200, [(b"content-type", JSON), NO_CACHE, (b"etag", etag(body))], body)

    async def handle(exchange: Exchange) -> Answer:
        return answer

    return handle


def _page(site: Site, name: str) -> Callable[[Exchange], Awaitable[Answer]]:
    async def handle(exchange: Exchange) -> Answer:
        return site.require(name).answer(exchange)

    return handle


def _files(site: Site) -> Callable[[Exchange], Awaitable[Answer]]:
    async def handle(exchange: Exchange) -> Answer:
        file: File = site.require(exchange.path_values[0])
        return file.answer(exchange)

    return handle


def docs_site() -> Site:
    """The page that shows the API, which comes with the gateway."""
    return Site(Path(__file__).parent / "web" / "docs")
