"""Puts the simulator together: settings choose the source, the source feeds the venues, the server serves them."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from services.kit import logs
from services.kit.settings import SettingsError, describe, load, markdown
from simulator.generator import GeneratorSource
from simulator.market import MarketSource
from simulator.recordings import RecordingsSource
from simulator.server import application, run_market, serving
from simulator.settings import Settings
from simulator.venues.base import Venue
from simulator.venues.binance import Binance
from simulator.venues.coinbase import Coinbase
from simulator.venues.kraken import Kraken

EXIT_BAD_SETTINGS = 2

log = logging.getLogger("simulator")


def source_of(settings: Settings) -> MarketSource:
    """The generator, or recordings when a folder is set. Raises FileNotFoundError."""
    if settings.recordings is not None:
        return RecordingsSource(Path(settings.recordings), speed=settings.speed)
    return GeneratorSource(seed=settings.seed, symbols=settings.symbols, rate=settings.rate)


def venues_of(source: MarketSource) -> dict[str, Venue]:
    """The fake exchanges, by name, which is also their path prefix."""
    venues: list[Venue] = [Binance(source), Coinbase(source), Kraken(source)]
    return {venue.name: venue for venue in venues}


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Raises FileNotFoundError (recordings) and OSError (port)."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    source = source_of(settings)
    venues = venues_of(source)
    async with serving(application(source, venues), settings.host, settings.port) as port:
        log.info("fake exchanges listen on http://%s:%d (%s)", settings.host, port, source.mode)
        market = asyncio.create_task(run_market(source, venues))
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait((market, stop), return_when=asyncio.FIRST_COMPLETED)
        for task in (market, stop):
            if not task.done():
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await market


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings and serve; wrong settings end the process with status 2 and all mistakes."""
    options = _parser().parse_args(arguments)
    if options.config_doc:
        sys.stdout.write(markdown("simulator", Settings))
        return
    try:
        settings = load(Settings, os.environ, "simulator")
    except SettingsError as error:
        sys.stderr.write(f"simulator: the settings are wrong\n{error}\n")
        sys.exit(EXIT_BAD_SETTINGS)
    if options.check_config:
        sys.stdout.writelines(f"{name}={value}\n" for name, value in describe(settings).items())
        return
    logs.setup("simulator", settings.replica, level=settings.log_level, form=settings.log_format)
    try:
        uvloop.run(serve(settings))
    except OSError as error:
        sys.stderr.write(f"simulator: {error}\n")
        sys.exit(EXIT_BAD_SETTINGS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Fake exchanges on one port. Settings are environment variables; see docs/simulator.md.",
    )
    parser.add_argument("--check-config", action="store_true", help="check the settings, print them and exit")
    parser.add_argument("--config-doc", action="store_true", help="print the table of settings and exit")
    return parser
