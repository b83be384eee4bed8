"""Early hints: what a page will load, told to the browser before the page itself (RFC 8297)."""

import re
from html.parser import HTMLParser

_OWN = re.compile(r"/(?!/)[!#$%&'()*+,./:;=?@\[\]_~0-9A-Za-z-]*")  # a path here, of what may stand in a URL


def early_hints(page: str) -> tuple[bytes, ...]:
    """The values of Link headers for the modules and style sheets of our own that an HTML page names."""
    parser = _Parser()
    parser.feed(page)
    return tuple(parser.links)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[bytes] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a module script or a link names."""
        values = dict(attrs)
        if tag == "script" and values.get("type") == "module":
            self._add(values.get("src"), "rel=modulepreload", values)
        elif tag == "link" and values.get("rel") == "modulepreload":
            self._add(values.get("href"), "rel=modulepreload", values)
        elif tag == "link" and values.get("rel") == "stylesheet":
            self._add(values.get("href"), "rel=preload; as=style", values)

    def _add(self, target: str | None, relation: str, values: dict[str, str | None]) -> None:
        if not target or not _OWN.fullmatch(target):
            return
        # Fetched in another mode than the page will, it would be fetched twice.
        mode = "; crossorigin" if "crossorigin" in values else ""
        self.links.append(f"<{target}>; {relation}{mode}".encode("ascii"))
