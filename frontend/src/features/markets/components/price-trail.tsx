import { useQuery } from '@tanstack/react-query';
import { memo, useRef, type ReactNode } from 'react';
import { Sparkline } from '@/components/ui/sparkline';
import type { Candle } from '@/lib/prices/candle';
import { formatChange } from '@/lib/prices/format';
import { useTrail } from '@/lib/prices/hooks';
import type { TrailPoint } from '@/lib/prices/price-store';
import { candlesQuery } from '@/lib/prices/queries';
import { useWasInView } from '@/lib/use-was-in-view';

const MINUTES = 60;
const NO_CANDLES: readonly Candle[] = [];

/** The last hour as a line: minutes from before the page was opened, then what the page has seen itself. */
export const PriceTrail = memo(function PriceTrail({ symbol }: { readonly symbol: string }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  // Decoration is not worth a retry, nor asking twice while the page is open, nor asking for what nobody sees.
  const enabled = useWasInView(box);
  const { data } = useQuery({ ...candlesQuery(symbol, '1m', MINUTES), enabled, retry: false, staleTime: Infinity });
  const values = lastHour(data ?? NO_CANDLES, useTrail(symbol));
  return (
    <div ref={box}>
      <Sparkline values={values} label={describe(values)} />
    </div>
  );
});

function lastHour(candles: readonly Candle[], trail: readonly TrailPoint[]): readonly number[] {
  const seenFrom = trail[0]?.at ?? Infinity;
  const earliest = (trail.at(-1)?.at ?? 0) - MINUTES * 60_000;
  const before = candles.map(({ time, close }) => ({ at: time * 1000, price: close })).filter(({ at }) => at < seenFrom);
  return [...before, ...trail].filter(({ at }) => at >= earliest).map(({ price }) => price);
}

function describe(values: readonly number[]): string {
  const first = values[0];
  const last = values.at(-1);
  if (first === undefined || last === undefined || first === 0) return 'No history yet';
  return `Last hour: ${formatChange(String((100 * (last - first)) / first))}`;
}
