-- Where a candle comes from: 'trades' that were heard live, or the name of the venue that was asked for its history.

ALTER TABLE prices.candles ADD COLUMN origin text NOT NULL DEFAULT 'trades';
