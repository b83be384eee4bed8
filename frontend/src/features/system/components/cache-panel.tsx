import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { DataTable } from '@/components/ui/data-table';
import { Facts } from '@/components/ui/facts';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { cacheQuery, type CacheReport, type CacheStats, type RedisStats } from '@/features/system/api/system';
import { formatBytes, formatCount, formatShare } from '@/lib/prices/format';
import styles from './stack.module.css';

export function CachePanel(): ReactNode {
  const query = useQuery(cacheQuery);
  return (
    <Panel title="Cache" flush>
      <QueryView query={query} height={300}>
        {(report) => <Report report={report} />}
      </QueryView>
    </Panel>
  );
}

function Report({ report: { total, caches, redis } }: { report: CacheReport }): ReactNode {
  return (
    <>
      <div className={styles['block']}>
        <Facts
          items={[
            ['L1 hit rate', formatShare(total.l1HitRate)],
            ['L2 hit rate', formatShare(total.l2HitRate)],
            ['Loads', formatCount(total.loads)],
            ['Shared loads', formatCount(total.coalesced)],
            ['Evictions', formatCount(total.evictions)],
            ['Entries', formatCount(total.entries)],
          ]}
        />
      </div>
      <CacheTable caches={caches} />
      <div className={styles['block']}>{redis === null ? <p>Redis cannot be reached.</p> : <Redis redis={redis} />}</div>
    </>
  );
}

function CacheTable({ caches }: { caches: readonly CacheStats[] }): ReactNode {
  if (caches.length === 0) return null;
  return (
    <DataTable caption="Each cache of each replica">
      <thead>
        <tr>
          <th scope="col">Cache</th>
          {['L1', 'L2', 'Entries'].map((name) => (
            <th key={name} scope="col" data-align="end">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {caches.map((cache) => (
          <tr key={cache.id}>
            <th scope="row">{cache.id}</th>
            <td data-align="end">{formatShare(cache.l1HitRate)}</td>
            <td data-align="end">{formatShare(cache.l2HitRate)}</td>
            <td data-align="end">
              {formatCount(cache.entries)} of {formatCount(cache.capacity)}
            </td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}

function Redis({ redis }: { redis: RedisStats }): ReactNode {
  return (
    <Facts
      items={[
        ['Redis memory', formatBytes(redis.usedMemoryBytes)],
        ['Keys', formatCount(redis.keys)],
        ['Commands/s', formatCount(redis.commandsPerSecond)],
        ['Clients', formatCount(redis.connectedClients)],
      ]}
    />
  );
}
