import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { SimulatedBadge } from '@/components/prices/quality-badge';
import { Badge } from '@/components/ui/badge';
import { DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { venuesQuery, type Venue } from '@/features/system/api/system';
import { formatCount, formatMs } from '@/lib/prices/format';

export function VenuesPanel(): ReactNode {
  const query = useQuery(venuesQuery);
  return (
    <Panel title="Venues" flush>
      <QueryView query={query} height={220}>
        {(venues) => <VenueTable venues={venues} />}
      </QueryView>
    </Panel>
  );
}

function VenueTable({ venues }: { venues: readonly Venue[] }): ReactNode {
  return (
    <DataTable caption="The exchanges behind the prices">
      <thead>
        <tr>
          <th scope="col">Venue</th>
          <th scope="col">Feed</th>
          {['Lag', 'Messages/s', 'Symbols', 'Connects'].map((name) => (
            <th key={name} scope="col" data-align="end">
              {name}
            </th>
          ))}
          <th scope="col">Last error</th>
        </tr>
      </thead>
      <tbody>
        {venues.map((venue) => (
          <VenueRow key={venue.venue} venue={venue} />
        ))}
      </tbody>
    </DataTable>
  );
}

function VenueRow({ venue }: { venue: Venue }): ReactNode {
  return (
    <tr>
      <th scope="row">
        {venue.venue} {venue.simulated && <SimulatedBadge />}
      </th>
      <td>
        <FeedBadge venue={venue} />
      </td>
      <td data-align="end">{formatMs(venue.lagMs)}</td>
      <td data-align="end">{formatCount(venue.messagesPerSecond)}</td>
      <td data-align="end">{formatCount(venue.symbols)}</td>
      <td data-align="end">{formatCount(venue.connects)}</td>
      <td data-wrap>{venue.lastError === '' ? '–' : venue.lastError}</td>
    </tr>
  );
}

function FeedBadge({ venue: { circuit, connected } }: { venue: Venue }): ReactNode {
  if (circuit === 'OPEN') return <Badge tone="bad">Given up for now</Badge>;
  if (circuit === 'HALF_OPEN') return <Badge tone="warn">Trying again</Badge>;
  return connected ? <Badge tone="good">Connected</Badge> : <Badge tone="warn">Connecting</Badge>;
}
