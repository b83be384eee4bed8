import { useDeferredValue, useState, type ReactNode } from 'react';
import { PageHeader } from '@/components/layouts/page-header';
import { PaceSwitch } from '@/components/prices/pace-switch';
import { ErrorBoundary } from '@/components/errors/error-boundary';
import { describeSymbol } from '@/config/assets';
import { PricesTable } from '@/features/markets/components/prices-table';
import { SearchField } from '@/features/markets/components/search-field';
import { useSymbols } from '@/lib/prices/hooks';

export function MarketsPage(): ReactNode {
  const symbols = useSymbols();
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search);
  const found = symbols.filter((symbol) => matches(symbol, wanted));
  return (
    <>
      <PageHeader title="Markets" summary="One price per market, agreed on by many venues. Each says how old it is.">
        <SearchField value={search} onChange={setSearch} />
        <PaceSwitch />
      </PageHeader>
      <p className="visually-hidden" role="status">
        {wanted === '' ? '' : `${found.length} of ${symbols.length} markets`}
      </p>
      <ErrorBoundary>
        <PricesTable symbols={found} search={wanted} />
      </ErrorBoundary>
    </>
  );
}

function matches(symbol: string, search: string): boolean {
  const needle = search.trim().toLowerCase();
  return `${symbol} ${describeSymbol(symbol).name}`.toLowerCase().includes(needle);
}
