import { Observable } from '@/lib/observable';
import { Pacer } from '@/lib/prices/pacer';
import { PriceStore } from '@/lib/prices/price-store';
import { serverNow } from '@/lib/server-clock';

const TICK_MS = 1000;

/** The page's one pacer, price store and clock. */
export const pacer = new Pacer();
export const priceStore = new PriceStore(pacer.schedule);

/** The server's time as far as the reader's chosen pace lets it advance, epoch milliseconds. */
export const pacedNow = new Observable<number>(serverNow());

function advance(): void {
  pacedNow.set(serverNow());
}

export function startClock(): () => void {
  const timer = setInterval(() => {
    pacer.schedule(advance);
  }, TICK_MS);
  return () => {
    clearInterval(timer);
  };
}
