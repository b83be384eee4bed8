import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { Button } from '@/components/ui/button';
import { CandleTable } from '@/features/symbol/components/candle-table';
import { Provenance } from '@/features/symbol/components/provenance';
import { SymbolHeader } from '@/features/symbol/components/symbol-header';
import { INTERVALS, type Interval } from '@/lib/prices/candle';
import { usePace } from '@/lib/prices/hooks';
import { candlesQuery, priceQuery } from '@/lib/prices/queries';
import styles from './symbol-page.module.css';

const CHART_HEIGHT = 420;
const CANDLES = 300;
const PROVENANCE_PERIOD_MS = 5000;
const CANDLES_PERIOD_MS = 60_000;

const CandleChart = lazy(() => import('@/features/symbol/components/candle-chart'));
const INTERVAL_OPTIONS = INTERVALS.map((value) => ({ value, label: value }));

export function SymbolPage({ symbol }: { readonly symbol: string }): ReactNode {
  const paused = usePace() === 'paused';
  const price = useQuery({ ...priceQuery(symbol), refetchInterval: paused ? false : PROVENANCE_PERIOD_MS });
  return (
    <>
      <SymbolHeader symbol={symbol} />
      <CandlePanel symbol={symbol} />
      <QueryView query={price} height={260}>
        {(data) => <Provenance price={data} />}
      </QueryView>
    </>
  );
}

function CandlePanel({ symbol }: { symbol: string }): ReactNode {
  const [interval, setInterval] = useState<Interval>('1m');
  const [asTable, setAsTable] = useState(false);
  const paused = usePace() === 'paused';
  const query = useQuery({
    ...candlesQuery(symbol, interval, CANDLES),
    refetchOnMount: 'always',
    refetchInterval: paused ? false : CANDLES_PERIOD_MS,
  });
  const tools = (
    <div className={styles['tools']}>
      <Segmented label="Length of a candle" options={INTERVAL_OPTIONS} value={interval} onChange={setInterval} />
      <Button
        aria-pressed={asTable}
        onClick={() => {
          setAsTable(!asTable);
        }}
      >
        Table
      </Button>
    </div>
  );
  return (
    <Panel title="Candles" aside={tools} flush>
      <div style={{ minHeight: CHART_HEIGHT }}>
        <QueryView query={query} height={CHART_HEIGHT}>
          {(candles) =>
            asTable ? (
              <CandleTable candles={candles} />
            ) : (
              <Suspense fallback={<Skeleton height={CHART_HEIGHT} label="Loading chart" />}>
                <CandleChart key={`${symbol} ${interval}`} {...{ symbol, interval, candles }} height={CHART_HEIGHT} />
              </Suspense>
            )
          }
        </QueryView>
      </div>
    </Panel>
  );
}
