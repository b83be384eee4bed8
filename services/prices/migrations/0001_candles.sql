-- What is priced, and its history.

CREATE TABLE prices.instruments (
    venue     text        NOT NULL,
    symbol    text        NOT NULL,  -- our name, such as BTC-USD
    native    text        NOT NULL,  -- the venue's name
    base      text        NOT NULL,
    quote     text        NOT NULL,
    digits    integer     NOT NULL,  -- after the point of the venue's prices
    bridged   boolean     NOT NULL,  -- quoted in USDT, taken for USD
    listed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, venue)
);

CREATE TABLE prices.candles (
    symbol     text        NOT NULL,
    interval   text        NOT NULL,
    open_time  timestamptz NOT NULL,
    open       numeric     NOT NULL,
    high       numeric     NOT NULL,
    low        numeric     NOT NULL,
    close      numeric     NOT NULL,
    volume     numeric     NOT NULL,
    trades     bigint      NOT NULL,
    closed     boolean     NOT NULL,
    revision   integer     NOT NULL,
    complete   boolean     NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, interval, open_time)
);

-- For jobs that walk over all symbols by time: retention, export.
CREATE INDEX candles_open_time ON prices.candles USING brin (open_time);
