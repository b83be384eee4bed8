import type { Tick } from '@/lib/prices/quote';

/** A price older than this is shown as old, whatever the server called it when it was new. */
export const STALE_AFTER_MS = 10_000;

/** When even the newest of all prices is older than this, the whole feed is late. */
export const DELAYED_AFTER_MS = 15_000;

export function isStale(tick: Pick<Tick, 'at' | 'quality'>, now: number): boolean {
  return tick.quality === 'STALE' || now - tick.at > STALE_AFTER_MS;
}
