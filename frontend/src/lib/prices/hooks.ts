import { useCallback, useSyncExternalStore } from 'react';
import { pacedNow, pacer, priceStore } from '@/lib/prices/live';
import type { Pace } from '@/lib/prices/pacer';
import type { ShownQuote, TrailPoint } from '@/lib/prices/price-store';
import { useObservable } from '@/lib/use-observable';

/** The price of one symbol; renders again only when that price changes. */
export function useQuote(symbol: string): ShownQuote | undefined {
  const subscribe = useCallback((listener: () => void) => priceStore.subscribe(symbol, listener), [symbol]);
  return useSyncExternalStore(subscribe, () => priceStore.get(symbol));
}

export function useTrail(symbol: string): readonly TrailPoint[] {
  const subscribe = useCallback((listener: () => void) => priceStore.subscribe(symbol, listener), [symbol]);
  return useSyncExternalStore(subscribe, () => priceStore.trail(symbol));
}

export function useSymbols(): readonly string[] {
  return useObservable(priceStore.symbols);
}

export function usePace(): Pace {
  return useObservable(pacer.pace);
}

/** The server's time at the reader's pace, for ages. */
export function usePacedNow(): number {
  return useObservable(pacedNow);
}
