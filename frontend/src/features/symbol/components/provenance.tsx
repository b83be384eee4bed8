import type { ReactNode } from 'react';
import { Badge } from '@/components/ui/badge';
import { DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import { formatChange, formatMs, formatPrice } from '@/lib/prices/format';
import type { Price, Rejection, Source } from '@/lib/prices/quote';
import styles from './provenance.module.css';

/** Who vouches for the price, and who was not believed. */
export function Provenance({ price }: { readonly price: Price }): ReactNode {
  return (
    <div className={styles['grid']}>
      <Panel title="Venues that count" aside={<Band price={price} />} flush>
        {price.sources.length === 0 ? (
          <p className={styles['none']}>No venue vouches for this price at present.</p>
        ) : (
          <SourceTable price={price} />
        )}
      </Panel>
      <Panel title="Venues refused" flush>
        {price.rejected.length === 0 ? (
          <p className={styles['none']}>None: every venue that spoke was counted.</p>
        ) : (
          <RejectionTable rejected={price.rejected} />
        )}
      </Panel>
    </div>
  );
}

function Band({ price }: { price: Price }): ReactNode {
  if (price.confidence === '') return null;
  return <span className={styles['band']}>They agree within ±{formatPrice(price.confidence)}</span>;
}

function SourceTable({ price }: { price: Price }): ReactNode {
  return (
    <DataTable caption={`Venues that count towards the price of ${price.symbol}`}>
      <thead>
        <tr>
          <th scope="col">Venue</th>
          <th scope="col" data-align="end">
            Price
          </th>
          <th scope="col" data-align="end">
            From consensus
          </th>
          <th scope="col" data-align="end">
            Age
          </th>
        </tr>
      </thead>
      <tbody>
        {price.sources.map((source) => (
          <tr key={source.venue}>
            <th scope="row">{source.venue}</th>
            <td data-align="end">{formatPrice(source.price)}</td>
            <td data-align="end">{deviation(source, price)}</td>
            <td data-align="end">{formatMs(source.ageMs)}</td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}

function deviation(source: Source, price: Price): string {
  const consensus = Number(price.price);
  return consensus === 0 ? '' : formatChange(String((100 * (Number(source.price) - consensus)) / consensus));
}

function RejectionTable({ rejected }: { rejected: readonly Rejection[] }): ReactNode {
  return (
    <DataTable caption="Venues refused, and why">
      <thead>
        <tr>
          <th scope="col">Venue</th>
          <th scope="col">Reason</th>
        </tr>
      </thead>
      <tbody>
        {rejected.map(({ venue, reason }) => (
          <tr key={venue}>
            <th scope="row">{venue}</th>
            <td data-wrap>
              <Badge tone="warn">{reason.replaceAll('_', ' ')}</Badge>
            </td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}
