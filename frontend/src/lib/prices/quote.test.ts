import { describe, expect, test } from 'vitest';
import { decodeCandleUpdate } from '@/lib/prices/candle';
import { decodePrice, decodePriceUpdate, decodeQuality } from '@/lib/prices/quote';

describe('decoding', () => {
  test('a tick may carry numbers or text', () => {
    const { prices, publishedAt } = decodePriceUpdate({
      prices: { A: { price: 1.5, seq: 7, ts: 1000.25, quality: 'GOOD' }, B: { price: '1.5', seq: '7', ts: '1000' } },
      published_at: 1001.5,
    });

    expect(prices['A']).toMatchObject({ price: '1.5', seq: 7, at: 1000.25, quality: 'GOOD' });
    expect(prices['B']).toMatchObject({ price: '1.5', seq: 7, at: 1000, quality: 'UNKNOWN' });
    expect(publishedAt).toBe(1001.5);
  });

  test('a price whose venue did not say when it happened is as old as its publication', () => {
    const published_at = Date.UTC(2026, 0, 2);
    const update = decodePriceUpdate({ prices: { A: { price: '1', ts: 0 } }, published_at });

    expect(update.prices['A']?.at).toBe(published_at);
    expect(decodePrice({ published_at: '2026-01-02T00:00:00Z' }).at).toBe(published_at);
  });

  test('so is a price from a recording, whose times are of another year', () => {
    const price = decodePrice({ event_time: '2021-04-17T16:43:30Z', published_at: '2026-01-02T00:00:00Z' });

    expect(price.at).toBe(Date.UTC(2026, 0, 2));
  });

  test('the stream may say itself that a price is simulated', () => {
    const { prices } = decodePriceUpdate({ prices: { A: { price: '1', simulated: true }, B: { price: '1' } } });

    expect(prices['A']?.simulated).toBe(true);
    expect(prices['B']).not.toHaveProperty('simulated');
  });

  test.each([
    ['QUALITY_GOOD', 'GOOD'],
    ['SINGLE_SOURCE', 'SINGLE_SOURCE'],
    ['QUALITY_UNSPECIFIED', 'UNKNOWN'],
    [undefined, 'UNKNOWN'],
  ])('quality %s is %s', (sent, meant) => {
    expect(decodeQuality(sent)).toBe(meant);
  });

  test('a price has its sources, its refusals and its time to the nanosecond', () => {
    const price = decodePrice({
      symbol: 'BTC-USD',
      event_time: '2026-01-02T03:04:05.678901234Z',
      sources: [{ venue: 'kraken', price: '1', age_ms: '42' }],
      rejected: [{ venue: 'binance', reason: 'stale' }],
    });

    expect(price.at).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    expect(price.sources).toEqual([{ venue: 'kraken', price: '1', ageMs: 42 }]);
    expect(price.rejected).toEqual([{ venue: 'binance', reason: 'stale' }]);
  });

  test('nonsense becomes an empty update, not an error', () => {
    expect(decodePriceUpdate(null).prices).toEqual({});
    expect(decodePriceUpdate({ prices: { BTC: 50_000 } }).prices).toEqual({});
  });

  test('a candle may lie in the message or in its `candle`', () => {
    const candle = { open_time: '2026-01-01T00:01:00Z', open: '1', high: '2', low: '0.5', close: '1.5' };
    const nested = decodeCandleUpdate({ symbol: 'A', interval: '1m', candle });
    const flat = decodeCandleUpdate({ symbol: 'A', interval: '1m', ...candle, open_time: Date.UTC(2026, 0, 1, 0, 1) });

    expect(flat).toEqual(nested);
    expect(nested.candle).toMatchObject({ time: Date.UTC(2026, 0, 1, 0, 1) / 1000, close: 1.5, complete: true });
  });
});
