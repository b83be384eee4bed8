"""The whole invented market as a deterministic stream of events: same seed, same start, same events."""

import heapq
import itertools
import random
from collections.abc import Iterable, Iterator

from simulator.generator.books import Book
from simulator.generator.universe import STABLE_COIN, VENUES, Asset, traded_on
from simulator.generator.walk import Walk
from simulator.market import NANOSECOND_PER_SECOND, Event

STEP_NS = 20_000_000  # the prices move on this grid; events fall at any time within it


class Simulation:
    """Prices, books and the events on their way to the wire."""

    def __init__(self, assets: list[Asset], *, seed: int, rate: float, start_ns: int) -> None:
        self._chance = random.Random(f"events {seed}")
        self._walk = Walk(assets, random.Random(f"walk {seed}"))
        self._index = {asset.base: index for index, asset in enumerate(assets)}
        self.books = [Book(asset, venue, self._chance) for venue in VENUES for asset in traded_on(venue, assets)]
        self._weights = list(itertools.accumulate(book.rate for book in self.books))
        self._rate = rate * self._weights[-1] / NANOSECOND_PER_SECOND  # events a nanosecond
        self._heap: list[tuple[int, int, Event]] = []
        self._order = itertools.count()
        self._position_ns = start_ns
        self._next_ns = start_ns + self._gap_ns()
        for book in self.books:
            self._trade(book, start_ns)

    @property
    def position_ns(self) -> int:
        """How far the market has run."""
        return self._position_ns

    def price(self, base: str) -> float:
        """The common price of an asset, in dollars."""
        return self._walk.prices[self._index[base]]

    def advance(self, until_ns: int) -> Iterator[Event]:
        """Run on in whole steps up to a time and yield what reaches the wire by then, in that order."""
        while self._position_ns + STEP_NS <= until_ns:
            self._walk.step(STEP_NS / NANOSECOND_PER_SECOND)
            self._position_ns += STEP_NS
            self._fill_step()
            while self._heap and self._heap[0][0] <= self._position_ns:
                yield heapq.heappop(self._heap)[2]

    def leap(self, to_ns: int) -> None:
        """Skip a time in which the process did not run (a laptop that slept); the prices move on at once."""
        self._walk.step(max(0, to_ns - self._position_ns) / NANOSECOND_PER_SECOND)
        self._heap.clear()
        self._position_ns = to_ns
        self._next_ns = to_ns + self._gap_ns()

    def _fill_step(self) -> None:
        while self._next_ns <= self._position_ns:
            book = self._chance.choices(self.books, cum_weights=self._weights)[0]
            if self._chance.random() < book.venue.trade_share:
                self._trade(book, self._next_ns)
            else:
                self._send(book, [book.quote(self._fair(book), self._next_ns)], self._next_ns)
            self._next_ns += self._gap_ns()

    def _trade(self, book: Book, event_ns: int) -> None:
        quote = book.quote(self._fair(book), event_ns)
        self._send(book, [quote, book.trade(quote, event_ns)], event_ns)

    def _send(self, book: Book, events: Iterable[Event], event_ns: int) -> None:
        due = max(event_ns + book.lag_ns(), book.wire_ns)  # one market's events never overtake each other
        book.wire_ns = due
        for event in events:
            heapq.heappush(self._heap, (due, next(self._order), event))

    def _fair(self, book: Book) -> float:
        price = self._walk.prices[self._index[book.asset.base]]
        if book.venue.quote == STABLE_COIN and STABLE_COIN in self._index:
            price /= self.price(STABLE_COIN)
        return price

    def _gap_ns(self) -> int:
        return max(1, int(self._chance.expovariate(self._rate)))
