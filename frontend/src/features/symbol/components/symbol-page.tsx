import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { PageHeader } from '@/components/layouts/page-header';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { Button } from '@/components/ui/button';
import { paths } from '@/config/paths';
import { CandleTable } from '@/features/symbol/components/candle-table';
import { Provenance } from '@/features/symbol/components/provenance';
import { SymbolHeader } from '@/features/symbol/components/symbol-header';
import { ApiError } from '@/lib/http';
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
  if (isUnknown(price.error)) return <UnknownSymbol symbol={symbol} />;
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

function isUnknown(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 404;
}

function UnknownSymbol({ symbol }: { symbol: string }): ReactNode {
  return (
    <>
      <PageHeader title="No such market" summary={`Nothing called “${symbol}” is priced here.`} />
      <p>
        <Link href={paths.markets}>See all markets</Link>
      </p>
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
