import { flag, instant, isRecord, list, number, record, text, type Json } from '@/lib/decode';

export type Quality = 'GOOD' | 'DEGRADED' | 'STALE' | 'SINGLE_SOURCE' | 'UNKNOWN';

const QUALITIES: ReadonlySet<string> = new Set<Quality>(['GOOD', 'DEGRADED', 'STALE', 'SINGLE_SOURCE']);

/** What both the live stream and REST say about a price. Decimals stay text; times are epoch milliseconds. */
export interface Tick {
  readonly symbol: string;
  readonly price: string;
  readonly bid: string;
  readonly ask: string;
  /** Percent over 24 hours; empty when not known. */
  readonly change24h: string;
  readonly quality: Quality;
  readonly seq: number;
  /** When the newest counted event happened. */
  readonly at: number;
}

/** A tick with what only REST tells, as far as it is known. */
export interface Quote extends Tick {
  readonly volume24h: string;
  readonly simulated: boolean;
}

export interface Source {
  readonly venue: string;
  readonly price: string;
  readonly ageMs: number;
}

export interface Rejection {
  readonly venue: string;
  readonly reason: string;
}

/** A price with everything that vouches for it. */
export interface Price extends Quote {
  readonly confidence: string;
  readonly sources: readonly Source[];
  readonly rejected: readonly Rejection[];
  readonly maxAgeMs: number;
}

/** A message of the live stream: what changed, by symbol. Times are epoch milliseconds. */
export interface PriceUpdate {
  readonly prices: Readonly<Record<string, Tick>>;
  readonly publishedAt: number | null;
  readonly sentAt: number | null;
}

export function decodeQuality(value: unknown): Quality {
  const name = text(value).replace(/^QUALITY_/, '');
  return isQuality(name) ? name : 'UNKNOWN';
}

function isQuality(name: string): name is Quality {
  return QUALITIES.has(name);
}

export function decodePriceUpdate(value: unknown): PriceUpdate {
  const message = record(value);
  const prices: Record<string, Tick> = {};
  for (const [symbol, tick] of Object.entries(record(message['prices']))) {
    // A broadcast may carry bare numbers instead of ticks; without a time they say nothing about their age.
    if (isRecord(tick)) prices[symbol] = decodeTick(symbol, tick, [tick['ts'], message['published_at']]);
  }
  return { prices, publishedAt: instant(message['published_at']), sentAt: instant(message['sent_at']) };
}

/** `times` are in the order they are believed: some venues do not say when their events happened. */
function decodeTick(symbol: string, fields: Json, times: readonly unknown[]): Tick {
  return {
    symbol,
    price: text(fields['price']),
    bid: text(fields['bid']),
    ask: text(fields['ask']),
    change24h: text(fields['change_24h']),
    quality: decodeQuality(fields['quality']),
    seq: number(fields['seq']),
    at: times.map(instant).find((time) => time !== null && time > 0) ?? 0,
  };
}

export function decodePrice(value: unknown): Price {
  const fields = record(value);
  return {
    ...decodeTick(text(fields['symbol']), fields, [fields['event_time'], fields['published_at']]),
    volume24h: text(fields['volume_24h']),
    simulated: flag(fields['simulated']),
    confidence: text(fields['confidence']),
    sources: list(fields['sources'], decodeSource),
    rejected: list(fields['rejected'], decodeRejection),
    maxAgeMs: number(fields['max_age_ms']),
  };
}

function decodeSource(value: unknown): Source {
  const source = record(value);
  return { venue: text(source['venue']), price: text(source['price']), ageMs: number(source['age_ms']) };
}

function decodeRejection(value: unknown): Rejection {
  const rejection = record(value);
  return { venue: text(rejection['venue']), reason: text(rejection['reason']) };
}
