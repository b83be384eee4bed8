import { flag, instant, number, record, text, type Json } from '@/lib/decode';
import type { CandleUpdate } from '@/lib/prices/candle';
import type { PriceUpdate } from '@/lib/prices/quote';

export interface Hello {
  /** Epoch milliseconds; null when the server did not say. */
  readonly serverTime: number | null;
  readonly node: string;
  readonly recovered: boolean;
}

export interface Notification {
  readonly id: number;
  readonly kind: string;
  readonly data: Json;
  /** Epoch milliseconds. */
  readonly createdAt: number | null;
}

/** The events of the server and what they carry. */
export interface ServerEvents {
  hello: Hello;
  price_update: PriceUpdate;
  candle_update: CandleUpdate;
  notification: Notification;
  /** The token of the connection is about to expire. */
  token_expiring: Json;
  /** The connection belongs to nobody any more: the session was ended elsewhere, or its token expired. */
  session_ended: Json;
}

export type EventName = keyof ServerEvents;

export function decodeHello(payload: unknown): Hello {
  const hello = record(payload);
  return {
    serverTime: instant(hello['server_time']),
    node: text(hello['node']),
    recovered: flag(hello['recovered']),
  };
}

export function decodeNotification(payload: unknown): Notification {
  const fields = record(payload);
  return {
    id: number(fields['id']),
    kind: text(fields['kind']),
    data: record(fields['data']),
    createdAt: instant(fields['created_at']),
  };
}
