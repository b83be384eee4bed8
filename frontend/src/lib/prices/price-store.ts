import { Observable } from '@/lib/observable';
import type { Quote, Tick } from '@/lib/prices/quote';

export type Direction = 'up' | 'down' | 'same';

/** A price as it is on the screen: immutable, replaced as a whole when it changes. */
export interface ShownQuote extends Quote {
  /** Against the price shown before. */
  readonly direction: Direction;
}

export interface TrailPoint {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly price: number;
}

type Schedule = (task: () => void) => void;
type Listener = () => void;

/** One point of the trail per this many milliseconds, and at most this many points. */
const TRAIL_STEP_MS = 30_000;
const TRAIL_LENGTH = 120;
const NO_TRAIL: readonly TrailPoint[] = [];

/**
 * The latest price of every symbol, outside React. Messages only write into a map and mark the symbol; when the
 * schedule allows, one flush publishes what changed, and only the rows of those symbols render again.
 */
export class PriceStore {
  readonly symbols = new Observable<readonly string[]>([]);
  readonly #latest = new Map<string, Quote>();
  readonly #shown = new Map<string, ShownQuote>();
  readonly #trails = new Map<string, readonly TrailPoint[]>();
  readonly #dirty = new Set<string>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #schedule: Schedule;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Takes over ticks, or whole quotes, that are not older than what is known. */
  apply(ticks: Iterable<Tick | Quote>): void {
    for (const tick of ticks) {
      const known = this.#latest.get(tick.symbol);
      if (known && isOlder(tick, known)) continue;
      this.#latest.set(tick.symbol, { volume24h: '', simulated: false, ...known, ...tick });
      this.#dirty.add(tick.symbol);
    }
    if (this.#dirty.size > 0) this.#schedule(this.flush);
  }

  readonly flush = (): void => {
    const changed = [...this.#dirty];
    this.#dirty.clear();
    for (const symbol of changed) this.#show(symbol);
    if (this.#shown.size !== this.symbols.get().length) this.symbols.set([...this.#shown.keys()].sort());
    for (const symbol of changed) this.#notify(symbol);
  };

  get(symbol: string): ShownQuote | undefined {
    return this.#shown.get(symbol);
  }

  /** Prices seen since the page was opened, sparsely sampled, oldest first. */
  trail(symbol: string): readonly TrailPoint[] {
    return this.#trails.get(symbol) ?? NO_TRAIL;
  }

  subscribe(symbol: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(symbol) ?? new Set();
    this.#listeners.set(symbol, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }

  /** When the newest shown price happened, epoch milliseconds; null before the first. */
  newestAt(): number | null {
    let newest: number | null = null;
    for (const { at } of this.#shown.values()) newest = newest === null ? at : Math.max(newest, at);
    return newest;
  }

  #show(symbol: string): void {
    const quote = this.#latest.get(symbol);
    if (!quote) return;
    const before = this.#shown.get(symbol);
    this.#shown.set(symbol, { ...quote, direction: directionOf(before?.price, quote.price) });
    this.#extendTrail(symbol, quote);
  }

  #extendTrail(symbol: string, quote: Quote): void {
    const trail = this.trail(symbol);
    const last = trail.at(-1);
    if (last && quote.at - last.at < TRAIL_STEP_MS) return;
    const point = { at: quote.at, price: Number(quote.price) };
    this.#trails.set(symbol, [...trail.slice(1 - TRAIL_LENGTH), point]);
  }

  #notify(symbol: string): void {
    for (const listener of this.#listeners.get(symbol) ?? []) listener();
  }
}

/** A lower number with a later time is not old: the publisher started counting anew. */
function isOlder(tick: Tick, known: Tick): boolean {
  return tick.seq < known.seq && tick.at <= known.at;
}

function directionOf(before: string | undefined, now: string): Direction {
  const difference = before === undefined ? 0 : Number(now) - Number(before);
  if (difference === 0 || Number.isNaN(difference)) return 'same';
  return difference > 0 ? 'up' : 'down';
}
