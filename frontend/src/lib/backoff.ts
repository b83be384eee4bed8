/** Delays in milliseconds. */
export interface BackoffLimits {
  readonly base: number;
  readonly cap: number;
}

/**
 * Delay before retry number `attempt` (0 = the first): doubles up to the cap, of which a random half is taken off,
 * so that clients that lost the same server do not return at the same moment.
 */
export function backoffDelay(attempt: number, limits: BackoffLimits, random: () => number = Math.random): number {
  const ceiling = Math.min(limits.cap, limits.base * 2 ** attempt);
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
