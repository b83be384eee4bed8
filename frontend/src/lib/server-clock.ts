let offsetMs = 0;

/** Learns how far the server's clock is ahead, so that ages do not depend on the reader's clock being right. */
export function synchroniseClock(serverTime: number): void {
  offsetMs = serverTime - Date.now();
}

/** The server's time, epoch milliseconds. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}
