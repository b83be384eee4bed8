let offsetMs = 0;

/**
 * Learns how far the server's clock is ahead, so that ages do not depend on the reader's clock being right.
 * Call with the server's time from a message that has just arrived, first on a connection.
 */
export function synchroniseClock(serverTime: number): void {
  offsetMs = serverTime - Date.now();
}

/** Learns from a later message: transit only ever makes the server look late, so the fastest message is believed. */
export function refineClock(serverTime: number): void {
  offsetMs = Math.max(offsetMs, serverTime - Date.now());
}

/** The server's time, epoch milliseconds. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}
