"""From path and verb to a route: literal segments before variables, in time that does not grow with the routes."""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from services.gateway.errors import MethodNotAllowed
from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Route
from services.gateway.transcoding.templates import Segment, parse
from services.kit.errors import FieldError, InvalidInput, NotFound


@dataclass
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    rest: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The routes of a path by verb, and the values of its variables."""

    routes: dict[str, Route]
    values: tuple[str, ...]


class RoutingTable:
    """All routes, as a tree of path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._exact: dict[str, Found] = {}  # paths without variables, which need no walk
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in parse(route.path).segments if route.path != "/" else (Segment(""),):
            node = _child(node, segment)
        if route.verb in node.routes:
            raise ValueError(f"{route.verb} {route.path} is declared twice")
        node.routes[route.verb] = route
        if "{" not in route.path:
            self._exact[route.path] = Found(node.routes, ())

    def find(self, path: str) -> Found | None:
        """The routes of a percent-encoded path. Raises InvalidInput when a segment is not UTF-8."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        segments = path[1:].split("/")
        found = _walk(self._root, segments, 0)
        if found is None:
            return None
        node, values = found
        return Found(node.routes, tuple(_decode(value) for value in values))


def _child(node: _Node, segment: Segment) -> _Node:
    if segment.rest:
        node.rest = node.rest or _Node()
        return node.rest
    if segment.variable:
        node.variable = node.variable or _Node()
        return node.variable
    return node.literals.setdefault(segment.text, _Node())


def _walk(node: _Node, segments: list[str], index: int) -> tuple[_Node, list[str]] | None:
    if index == len(segments):
        return (node, []) if node.routes else None
    segment = segments[index]
    literal = node.literals.get(segment)
    if literal is not None and (found := _walk(literal, segments, index + 1)):
        return found
    if node.variable is not None and segment and (found := _walk(node.variable, segments, index + 1)):
        return found[0], [segment, *found[1]]
    if node.rest is not None and node.rest.routes:
        return node.rest, ["/".join(segments[index:])]
    return None


def _decode(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        return segment
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise InvalidInput("the path is not UTF-8", fields=(FieldError("path", "must be UTF-8"),)) from None


class Routing:
    """Finds the route; answers OPTIONS, 405 and 404 itself. `fallback` gets GETs that no route wants."""

    def __init__(self, handler: Handler, table: RoutingTable, fallback: Handler) -> None:
        self._next = handler
        self._table = table
        self._fallback = fallback

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its route."""
        found = self._table.find(exchange.path)
        if found is None:
            if exchange.method in ("GET", "HEAD"):
                return self._fallback(exchange)
            if (exchange.method, exchange.path) == ("OPTIONS", "*"):  # of the server as a whole: RFC 9110 section 9.3.7
                return _nothing()
            raise NotFound(f"there is nothing at {exchange.path}")
        verb = "GET" if exchange.method == "HEAD" else exchange.method
        route = found.routes.get(verb)
        if route is None:
            return _other_verb(exchange, found.routes)
        exchange.route, exchange.path_values = route, found.values
        return self._next(exchange)


async def _nothing() -> Answer:
    return Answer(204, [])


async def _other_verb(exchange: Exchange, routes: dict[str, Route]) -> Answer:
    verbs = {*routes, "OPTIONS"} | ({"HEAD"} if "GET" in routes else set())
    allow = (b"allow", ", ".join(sorted(verbs)).encode())
    if exchange.method == "OPTIONS":
        return Answer(204, [allow])
    exchange.answer_headers.append(allow)
    raise MethodNotAllowed(f"{exchange.method} is not served here; try {allow[1].decode()}")
