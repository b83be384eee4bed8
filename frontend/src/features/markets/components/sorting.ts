import type { ShownQuote } from '@/lib/prices/price-store';

export type SortKey = 'symbol' | 'price' | 'change' | 'volume';

export interface Sorting {
  readonly key: SortKey;
  readonly descending: boolean;
}

/** A first click sorts names upwards and figures downwards; a second turns the order round. */
export function nextSorting(current: Sorting, key: SortKey): Sorting {
  if (current.key === key) return { key, descending: !current.descending };
  return { key, descending: key !== 'symbol' };
}

type Lookup = (symbol: string) => ShownQuote | undefined;

export function sortSymbols(symbols: readonly string[], { key, descending }: Sorting, quote: Lookup): readonly string[] {
  const sign = descending ? -1 : 1;
  if (key === 'symbol') return symbols.toSorted((a, b) => sign * a.localeCompare(b));
  const worth = new Map(symbols.map((symbol) => [symbol, figure(quote(symbol), key)]));
  const of = (symbol: string): number => worth.get(symbol) ?? -Infinity;
  return symbols.toSorted((a, b) => sign * compare(of(a), of(b)) || a.localeCompare(b));
}

/** Not a subtraction: two unknowns are equal, not a number. */
function compare(a: number, b: number): number {
  return a < b ? -1 : Number(a > b);
}

function figure(quote: ShownQuote | undefined, key: Exclude<SortKey, 'symbol'>): number {
  if (!quote) return -Infinity;
  const decimal = { price: quote.price, change: quote.change24h, volume: quote.volume24h }[key];
  return decimal === '' ? -Infinity : Number(decimal);
}
