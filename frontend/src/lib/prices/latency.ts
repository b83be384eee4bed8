import { Observable } from '@/lib/observable';

/** Weight of a new measurement in the running mean. */
const WEIGHT = 0.1;
const PUBLISH_EVERY_MS = 1000;

/** Running mean of the time from "published by the server" to "on the screen", in milliseconds; null before the first. */
export class LatencyMeter {
  readonly mean = new Observable<number | null>(null);
  #value: number | null = null;
  #publishedAt = 0;

  record(ms: number, now: number = performance.now()): void {
    const sample = Math.max(0, ms);
    this.#value = this.#value === null ? sample : this.#value + WEIGHT * (sample - this.#value);
    if (now - this.#publishedAt < PUBLISH_EVERY_MS) return;
    this.#publishedAt = now;
    this.mean.set(this.#value);
  }
}

export const latencyMeter = new LatencyMeter();
