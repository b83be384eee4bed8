"""What answers the GETs that no route wants: the dashboard's files, or its first page for the paths inside it."""

from importlib import resources

from services.gateway.pipeline.exchange import SOCKETS, Answer, Exchange
from services.gateway.site import Site
from services.kit.errors import NotFound

# Below these nothing belongs to the dashboard, whatever a client accepts.
DATA_PATHS = ("/api/", "/.well-known/", SOCKETS, "/docs/", "/assets/")


class Dashboard:
    """The single-page application."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._missing = resources.files(__package__).joinpath("web/missing.html").read_bytes()

    async def __call__(self, exchange: Exchange) -> Answer:
        """The file at the path, or the application's page. Raises NotFound."""
        file = self._site.find(exchange.path.lstrip("/"))
        if file is not None:
            return file.answer(exchange)
        if not _is_page(exchange):
            raise NotFound(f"there is nothing at {exchange.path}")
        page = self._site.find("index.html")
        if page is None:
            return self._not_built()
        if exchange.headers.get(b"sec-fetch-mode") == b"navigate":
            exchange.hints = page.hints
        return page.answer(exchange)

    def _not_built(self) -> Answer:
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        return Answer(404, headers, self._missing)


def _is_page(exchange: Exchange) -> bool:
    """Whether a browser asks for a page: it accepts HTML, and the path looks like no file and no data."""
    last = exchange.path.rpartition("/")[2]
    wants_html = exchange.path == "/" or "text/html" in exchange.text(b"accept")
    return wants_html and "." not in last and not exchange.path.startswith(DATA_PATHS)
