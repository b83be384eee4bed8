"""Files from a folder, held in memory: the dashboard's build and the page of the API's documentation."""

import mimetypes
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from services.gateway.hints import early_hints
from services.gateway.pipeline.compression import VARY, choose
from services.gateway.pipeline.exchange import Answer, Exchange
from services.gateway.pipeline.response_cache import etag
from services.kit.errors import NotFound

PRECOMPRESSED = {".br": "br", ".gz": "gzip"}
HASHED_FOLDER = "assets/"  # where the build puts files whose names change with their content
IMMUTABLE = b"public, max-age=31536000, immutable"
REVALIDATE = b"no-cache"
TEXT_TYPES = ("text/", "application/javascript", "application/json")
JAVASCRIPT = b"text/javascript; charset=utf-8"  # RFC 9239; what mimetypes knows depends on the machine


@dataclass(frozen=True)
class File:
    """One file, with the compressed forms that the build has made."""

    answer_plain: Answer
    coded: dict[str, Answer] = field(default_factory=dict)
    hints: tuple[bytes, ...] = ()  # Links that may go ahead of it

    def answer(self, exchange: Exchange) -> Answer:
        """The form that the client likes best; what was not made by the build is compressed when it is first asked."""
        if not self.coded:
            return self.answer_plain
        return self.coded.get(choose(exchange.text(b"accept-encoding"), tuple(self.coded)), self.answer_plain)


class Site:
    """The files of a folder by their path, read when the folder changes."""

    def __init__(self, folder: Path, index: str = "index.html") -> None:
        self._folder = folder
        self._index = folder / index
        self._stamp = 0
        self._files: dict[str, File] = {}

    def find(self, path: str) -> File | None:
        """The file at a path below the folder, without a leading slash."""
        self._reread_if_changed()
        return self._files.get(path)

    def require(self, path: str) -> File:
        """The file at a path. Raises NotFound."""
        file = self.find(path)
        if file is None:
            raise NotFound(f"there is no file {path}")
        return file

    def _reread_if_changed(self) -> None:
        """A build writes its index last, so its time tells when there is something new."""
        try:
            stamp = self._index.stat().st_mtime_ns
        except OSError:
            return
        if stamp != self._stamp:
            self._files = read_folder(self._folder)
            self._stamp = stamp


def read_folder(folder: Path) -> dict[str, File]:
    """All files below a folder. Links that lead out of it are left out."""
    root = folder.resolve()
    paths = {path for path in root.rglob("*") if path.is_file() and path.resolve().is_relative_to(root)}
    plain = {path for path in paths if path.suffix not in PRECOMPRESSED or path.with_suffix("") not in paths}
    return {path.relative_to(root).as_posix(): _read(root, path, paths) for path in plain}


def _read(root: Path, path: Path, paths: Collection[Path]) -> File:
    name = path.relative_to(root).as_posix()
    body = path.read_bytes()
    headers = [
        (b"content-type", _content_type(name)),
        (b"cache-control", IMMUTABLE if name.startswith(HASHED_FOLDER) else REVALIDATE),
        (b"etag", etag(body)),
    ]
    coded = {
        coding: Answer(200, [*headers, VARY, (b"content-encoding", coding.encode())], sibling.read_bytes())
        for suffix, coding in PRECOMPRESSED.items()
        if (sibling := path.with_name(path.name + suffix)) in paths
    }
    hints = early_hints(body.decode(errors="replace")) if name.endswith(".html") else ()
    return File(Answer(200, [*headers, VARY] if coded else headers, body), coded, hints)


def _content_type(name: str) -> bytes:
    if name.endswith((".js", ".mjs")):
        return JAVASCRIPT
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return (kind + "; charset=utf-8" if kind.startswith(TEXT_TYPES) else kind).encode()
