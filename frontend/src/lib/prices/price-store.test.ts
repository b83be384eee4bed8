import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PriceStore } from '@/lib/prices/price-store';
import { decodePrice, type Tick } from '@/lib/prices/quote';

let tasks: Set<() => void>;
let store: PriceStore;

beforeEach(() => {
  tasks = new Set();
  store = new PriceStore((task) => tasks.add(task));
});

function frame(): void {
  const due = [...tasks];
  tasks.clear();
  for (const task of due) task();
}

function tick(symbol: string, price: string, seq: number, at = 1000 * seq): Tick {
  return { symbol, price, bid: '', ask: '', change24h: '', quality: 'GOOD', seq, at };
}

describe('PriceStore', () => {
  test('shows nothing before the frame, then everything at once', () => {
    store.apply([tick('BTC-USD', '1', 1), tick('ETH-USD', '2', 1)]);
    expect(store.get('BTC-USD')).toBeUndefined();

    frame();

    expect(store.symbols.get()).toEqual(['BTC-USD', 'ETH-USD']);
    expect(store.get('BTC-USD')?.price).toBe('1');
  });

  test('many ticks of a symbol within a frame render it once, with the last', () => {
    const listener = vi.fn();
    store.subscribe('BTC-USD', listener);
    for (let seq = 1; seq <= 50; seq += 1) store.apply([tick('BTC-USD', String(seq), seq)]);
    frame();

    expect(listener).toHaveBeenCalledTimes(1);
    expect(store.get('BTC-USD')?.price).toBe('50');
  });

  test('a tick of one symbol does not touch the others', () => {
    store.apply([tick('BTC-USD', '1', 1), tick('ETH-USD', '2', 1)]);
    frame();
    const listener = vi.fn();
    const before = store.get('ETH-USD');
    store.subscribe('ETH-USD', listener);
    store.apply([tick('BTC-USD', '3', 2)]);
    frame();

    expect(listener).not.toHaveBeenCalled();
    expect(store.get('ETH-USD')).toBe(before);
  });

  test('an older tick never replaces a newer one', () => {
    store.apply([tick('BTC-USD', '2', 2), tick('BTC-USD', '1', 1)]);
    frame();

    expect(store.get('BTC-USD')?.price).toBe('2');
  });

  test('a publisher that counts anew is believed when its time is later', () => {
    store.apply([tick('BTC-USD', '2', 900, 1000), tick('BTC-USD', '3', 1, 2000)]);
    frame();

    expect(store.get('BTC-USD')?.price).toBe('3');
  });

  test('what only REST tells survives the ticks that follow', () => {
    store.apply([decodePrice({ symbol: 'BTC-USD', price: '1', seq: '1', volume_24h: '12.5', simulated: true })]);
    store.apply([tick('BTC-USD', '2', 2)]);
    frame();

    expect(store.get('BTC-USD')).toMatchObject({ price: '2', volume24h: '12.5', simulated: true });
  });

  test('the direction is against the price shown before', () => {
    store.apply([tick('BTC-USD', '9.5', 1)]);
    frame();
    store.apply([tick('BTC-USD', '10.5', 2)]);
    frame();

    expect(store.get('BTC-USD')?.direction).toBe('up');
  });

  test('the trail keeps one point per half minute', () => {
    for (const seconds of [0, 10, 29, 30, 59, 60]) {
      store.apply([tick('BTC-USD', String(seconds), seconds + 1, seconds * 1000)]);
      frame();
    }

    expect(store.trail('BTC-USD').map(({ price }) => price)).toEqual([0, 30, 60]);
  });

  test('whoever unsubscribed is not told any more', () => {
    const listener = vi.fn();
    store.subscribe('BTC-USD', listener)();
    store.apply([tick('BTC-USD', '1', 1)]);
    frame();

    expect(listener).not.toHaveBeenCalled();
  });
});
