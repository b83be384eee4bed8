import type { ReactNode } from 'react';
import { DataTable } from '@/components/ui/data-table';
import type { Candle } from '@/lib/prices/candle';
import { formatDateTime, formatPrice, formatVolume } from '@/lib/prices/format';

const NEWEST = 60;
const FIGURES = ['open', 'high', 'low', 'close'] as const;

/** The chart's figures for those who cannot see it, newest first. */
export function CandleTable({ candles }: { readonly candles: readonly Candle[] }): ReactNode {
  return (
    <DataTable caption={`The newest ${NEWEST} candles`}>
      <thead>
        <tr>
          <th scope="col">Time</th>
          {['Open', 'High', 'Low', 'Close', 'Volume'].map((name) => (
            <th key={name} scope="col" data-align="end">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {candles
          .slice(-NEWEST)
          .toReversed()
          .map((candle) => (
            <tr key={candle.time}>
              <th scope="row">
                {formatDateTime(candle.time * 1000)}
                {!candle.complete && ' (incomplete)'}
              </th>
              {FIGURES.map((figure) => (
                <td key={figure} data-align="end">
                  {formatPrice(String(candle[figure]))}
                </td>
              ))}
              <td data-align="end">{formatVolume(String(candle.volume))}</td>
            </tr>
          ))}
      </tbody>
    </DataTable>
  );
}
