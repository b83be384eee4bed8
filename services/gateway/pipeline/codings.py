"""The content codings: whole bodies, and streams of which every part can be read as soon as it has arrived."""

import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib import import_module
from typing import Any

import zstandard
from isal import igzip

_brotli: Any = import_module("brotli")  # the wheel carries no types

BROTLI_QUALITY = 5
GZIP_LEVEL = 2  # of ISA-L, of 3: a tenth of the time that zlib's level 6 takes, for 8 % more bytes
ZSTD_LEVEL = 6
# A stream keeps its compressor for as long as it lasts, and there are many: small windows.
STREAM_WINDOW_BITS = 15
STREAM_LEVEL = 3

Feed = Callable[[bytes], bytes]


def encode(body: bytes, coding: str) -> bytes:
    """The body in a coding."""
    if coding == "br":
        return bytes(_brotli.compress(body, quality=BROTLI_QUALITY))
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    return igzip.compress(body, GZIP_LEVEL, mtime=0)


async def coded_stream(stream: AsyncGenerator[bytes, None], coding: str) -> AsyncGenerator[bytes, None]:
    """The stream in a coding, flushed after each part."""
    feed, finish = _COMPRESSORS[coding]()
    async with aclosing(stream):
        async for part in stream:
            yield feed(part)
    yield finish()


def _brotli_stream() -> tuple[Feed, Callable[[], bytes]]:
    compressor = _brotli.Compressor(quality=STREAM_LEVEL, lgwin=STREAM_WINDOW_BITS)
    return lambda part: bytes(compressor.process(part) + compressor.flush()), lambda: bytes(compressor.finish())


def _zstd_stream() -> tuple[Feed, Callable[[], bytes]]:
    parameters = zstandard.ZstdCompressionParameters.from_level(STREAM_LEVEL, window_log=STREAM_WINDOW_BITS)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda part: compressor.compress(part) + compressor.flush(block), compressor.flush


def _gzip_stream() -> tuple[Feed, Callable[[], bytes]]:
    compressor = zlib.compressobj(STREAM_LEVEL, wbits=16 + STREAM_WINDOW_BITS)  # 16: with gzip's header
    return lambda part: compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush


_COMPRESSORS: dict[str, Callable[[], tuple[Feed, Callable[[], bytes]]]] = {
    "br": _brotli_stream,
    "zstd": _zstd_stream,
    "gzip": _gzip_stream,
}
