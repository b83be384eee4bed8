import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { DataTable } from '@/components/ui/data-table';
import { Facts } from '@/components/ui/facts';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { socketsQuery, type SocketStats } from '@/features/system/api/system';
import { formatBytes, formatCount, formatMs, formatShare } from '@/lib/prices/format';
import styles from './stack.module.css';

export function SocketsPanel(): ReactNode {
  const query = useQuery(socketsQuery);
  return (
    <Panel title="Live connections" flush>
      <QueryView query={query} height={300}>
        {(sockets) => <Report sockets={sockets} />}
      </QueryView>
    </Panel>
  );
}

function Report({ sockets }: { sockets: SocketStats }): ReactNode {
  const channels = Object.entries(sockets.channels).toSorted(([, a], [, b]) => b - a);
  return (
    <>
      <div className={styles['block']}>
        <Facts
          items={[
            ['Connections', formatCount(sockets.connections)],
            ['Signed in', formatCount(sockets.authenticated)],
            ['Messages/s', formatCount(sockets.messagesPerSecond)],
            ['Delay, median', formatMs(sockets.delayP50Ms)],
            ['Delay, p99', formatMs(sockets.delayP99Ms)],
            ['Messages', formatCount(sockets.messagesSent)],
            ['Sent', formatBytes(sockets.bytesSent)],
            ['Conflated', formatShare(sockets.ticksConflated / Math.max(1, sockets.ticksReceived))],
            ['Too slow', formatCount(sockets.slowDisconnects)],
          ]}
        />
      </div>
      {channels.length > 0 && <ChannelTable channels={channels} />}
    </>
  );
}

function ChannelTable({ channels }: { channels: readonly (readonly [string, number])[] }): ReactNode {
  return (
    <DataTable caption="Subscribers by channel">
      <thead>
        <tr>
          <th scope="col">Channel</th>
          <th scope="col" data-align="end">
            Subscribers
          </th>
        </tr>
      </thead>
      <tbody>
        {channels.map(([channel, subscribers]) => (
          <tr key={channel}>
            <th scope="row">{channel}</th>
            <td data-align="end">{formatCount(subscribers)}</td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}
