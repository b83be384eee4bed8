"""Instruments: a venue's own names for pairs, and the one name each pair has here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}  # Kraken's ISO-style codes (docs.kraken.com, "Asset codes")
BRIDGED_QUOTE = "USDT"


@dataclass(frozen=True)
class Instrument:
    """A pair at a venue.

    native: the venue's name of it in its frames.  digits: digits after the point of its prices.
    bridged: the venue quotes it in USDT, and it is taken for USD here.
    """

    venue: str
    native: str
    base: str
    quote: str
    digits: int
    bridged: bool = False

    @property
    def symbol(self) -> str:
        """The name used everywhere here."""
        return f"{self.base}-{self.quote}"


def common_name(asset: str) -> str:
    """The asset's usual code: BTC for XBT."""
    return ALIASES.get(asset, asset)


def bridge_usdt(listed: Sequence[Instrument]) -> list[Instrument]:
    """Let a venue's USDT pairs stand for USD where that venue has no USD pair of the same base."""
    native_usd = {(item.venue, item.base) for item in listed if item.quote == "USD"}
    return [
        replace(item, quote="USD", bridged=True)
        if item.quote == BRIDGED_QUOTE and item.base != "USD" and (item.venue, item.base) not in native_usd
        else item
        for item in listed
    ]


def select(listed: Iterable[Instrument], wanted: Sequence[str]) -> list[Instrument]:
    """The instruments whose symbol is wanted; all of them when nothing in particular is."""
    names = frozenset(wanted)
    return [item for item in listed if not names or item.symbol in names]
