import { flag, instant, list, number, record, text } from '@/lib/decode';

export const INTERVALS = ['1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type Interval = (typeof INTERVALS)[number];

export const INTERVAL_SECONDS: Readonly<Record<Interval, number>> = {
  '1m': 60,
  '5m': 300,
  '15m': 900,
  '1h': 3600,
  '4h': 14_400,
  '1d': 86_400,
};

export interface Candle {
  /** Start of the interval, epoch seconds. */
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly closed: boolean;
  /** False when trades may be missing inside. */
  readonly complete: boolean;
}

export interface CandleUpdate {
  readonly symbol: string;
  readonly interval: string;
  readonly candle: Candle;
}

export function isInterval(value: string | null): value is Interval {
  return INTERVALS.some((interval) => interval === value);
}

function decodeCandle(value: unknown): Candle {
  const fields = record(value);
  return {
    time: Math.floor((instant(fields['open_time']) ?? 0) / 1000),
    open: number(fields['open']),
    high: number(fields['high']),
    low: number(fields['low']),
    close: number(fields['close']),
    volume: number(fields['volume']),
    closed: flag(fields['closed']),
    complete: fields['complete'] !== false,
  };
}

export function decodeCandles(value: unknown): readonly Candle[] {
  const candles = list(record(value)['candles'], decodeCandle).filter(({ time }) => time > 0);
  return candles.toSorted((a, b) => a.time - b.time);
}

export function decodeCandleUpdate(value: unknown): CandleUpdate {
  const message = record(value);
  const candle = decodeCandle(message['candle'] ?? message);
  return { symbol: text(message['symbol']), interval: text(message['interval']), candle };
}
