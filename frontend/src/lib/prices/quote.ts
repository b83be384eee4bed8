import { flag, instant, isRecord, list, number, record, text, type Json } from '@/lib/decode';

export type Quality = 'GOOD' | 'DEGRADED' | 'STALE' | 'SINGLE_SOURCE' | 'UNKNOWN';

/** The furthest that an exchange's clock and the publisher's are believed to lie apart. */
const PLAUSIBLE_MS = 24 * 3600 * 1000;

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
  /** True when made from invented or replayed market data; the stream may leave it to REST to say. */
  readonly simulated?: boolean;
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
    if (isRecord(tick)) prices[symbol] = decodeLiveTick(symbol, tick, message['published_at']);
  }
  return { prices, publishedAt: instant(message['published_at']), sentAt: instant(message['sent_at']) };
}

function decodeLiveTick(symbol: string, fields: Json, publishedAt: unknown): Tick {
  const tick = decodeTick(symbol, fields, timeOf(fields['ts'], publishedAt));
  const { simulated } = fields;
  return typeof simulated === 'boolean' ? { ...tick, simulated } : tick;
}

/**
 * When a price happened: by the exchange's clock; by the publisher's where the exchange did not say, or where it is so
 * far off that its time tells nothing about age, as in a replayed recording.
 */
function timeOf(eventTime: unknown, publishedAt: unknown): number {
  const happened = instant(eventTime) ?? 0;
  const published = instant(publishedAt) ?? happened;
  return Math.abs(published - happened) > PLAUSIBLE_MS ? published : happened;
}

function decodeTick(symbol: string, fields: Json, at: number): Tick {
  return {
    symbol,
    price: text(fields['price']),
    bid: text(fields['bid']),
    ask: text(fields['ask']),
    change24h: text(fields['change_24h']),
    quality: decodeQuality(fields['quality']),
    seq: number(fields['seq']),
    at,
  };
}

export function decodePrice(value: unknown): Price {
  const fields = record(value);
  return {
    ...decodeTick(text(fields['symbol']), fields, timeOf(fields['event_time'], fields['published_at'])),
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
