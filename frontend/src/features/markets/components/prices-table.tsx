import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { ErrorPanel } from '@/components/errors/error-panel';
import { Skeleton } from '@/components/ui/skeleton';
import { PriceRow } from '@/features/markets/components/price-row';
import { SortHeader } from '@/features/markets/components/sort-header';
import { nextSorting, sortSymbols, type SortKey, type Sorting } from '@/features/markets/components/sorting';
import { usePacedNow } from '@/lib/prices/hooks';
import { priceStore } from '@/lib/prices/live';
import { pricesQuery } from '@/lib/prices/queries';
import styles from './prices-table.module.css';

const ROW_HEIGHT = 61;

interface PricesTableProps {
  readonly symbols: readonly string[];
  readonly search: string;
}

export function PricesTable({ symbols, search }: PricesTableProps): ReactNode {
  const [sorting, setSorting] = useState<Sorting>({ key: 'symbol', descending: false });
  // Read for its changes: the order of figures is made anew once a second, at the reader's pace.
  usePacedNow();
  const sorted = sortSymbols(symbols, sorting, (symbol) => priceStore.get(symbol));
  if (symbols.length === 0) return <Empty search={search} />;
  return (
    <div className={styles['frame']}>
      <table className={styles['table']} data-testid="prices-table">
        <caption className="visually-hidden">Live prices of all markets</caption>
        <thead>
          <TableHead
            sorting={sorting}
            onSort={(key) => {
              setSorting(nextSorting(sorting, key));
            }}
          />
        </thead>
        <tbody>
          {sorted.map((symbol) => (
            <PriceRow key={symbol} symbol={symbol} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TableHead({ sorting, onSort }: { sorting: Sorting; onSort: (key: SortKey) => void }): ReactNode {
  const sortable = { sorting, onSort };
  return (
    <tr>
      <SortHeader {...sortable} by="symbol" label="Market" />
      <SortHeader {...sortable} by="price" label="Price" align="end" />
      <th scope="col" data-align="end" data-wide>
        Bid
      </th>
      <th scope="col" data-align="end" data-wide>
        Ask
      </th>
      <SortHeader {...sortable} by="change" label="24 h" align="end" />
      <SortHeader {...sortable} by="volume" label="Volume" align="end" wide />
      <th scope="col" data-wide>
        Last hour
      </th>
      <th scope="col" data-wide>
        Quality
      </th>
      <th scope="col" data-align="end">
        Age
      </th>
    </tr>
  );
}

function Empty({ search }: { search: string }): ReactNode {
  const query = useQuery(pricesQuery);
  if (search !== '') return <p className={styles['empty']}>No market is called “{search}”.</p>;
  if (query.isError) return <ErrorPanel error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isSuccess) return <p className={styles['empty']}>No prices yet. They appear here as soon as a venue speaks.</p>;
  return <Skeleton height={8 * ROW_HEIGHT} label="Loading prices" />;
}
