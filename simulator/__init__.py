"""Fake exchanges that speak the real wire protocols of Binance spot, Coinbase Exchange and Kraken v2.

    __main__ -> settings -> wiring      the process: one aiohttp server on one port
    market                              what moves inside: quotes, trades, frames, bars, and the MarketSource protocol
    generator/                          a MarketSource that invents a market from a seed (ships with the product)
    recordings/                         a MarketSource that replays recorded exchange traffic found by path
    venues/<venue>/                     one exchange each: its sockets, its frames, its REST answers
    hub, session                        who listens to what; one bounded queue of outgoing frames per connection
    faults, control                     what tests may break on purpose, and the status page

The simulator stands outside the services: they reach it over the network only, as they would a real exchange.
"""
