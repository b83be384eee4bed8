import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { DataTable } from '@/components/ui/data-table';
import { Facts } from '@/components/ui/facts';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { socketsQuery, type SocketReport, type SocketStats } from '@/features/system/api/sockets';
import { formatBytes, formatCount, formatMs, formatShare } from '@/lib/prices/format';
import styles from './stack.module.css';

export function SocketsPanel(): ReactNode {
  const query = useQuery(socketsQuery);
  return (
    <Panel title="Live connections" flush>
      <QueryView query={query} height={300}>
        {(report) => <Report report={report} />}
      </QueryView>
    </Panel>
  );
}

function Report({ report: { total, nodes, missing } }: { report: SocketReport }): ReactNode {
  return (
    <>
      <div className={styles['block']}>
        <Facts
          items={[
            ['Connections', formatCount(total.connections)],
            ['Signed in', formatCount(total.authenticated)],
            ['Messages/s', formatCount(total.messagesPerSecond)],
            ['Sent/s', formatBytes(total.bytesPerSecond)],
            ['Delay, median', formatMs(total.delayP50Ms)],
            ['Delay, p99', formatMs(total.delayP99Ms)],
            ['Messages', formatCount(total.messagesSent)],
            ['Sent', formatBytes(total.bytesSent)],
            ['Conflated', formatShare(total.conflationRatio)],
            ['Fell behind', formatCount(total.slowConflated)],
            ['Slowed down', formatCount(total.slowLowered)],
            ['Too slow', formatCount(total.slowDisconnects)],
            ['Too fast', formatCount(total.fastDisconnects)],
            ['Came back', formatCount(total.reconnects)],
            ['Recovered', formatCount(total.recoveries)],
          ]}
        />
      </div>
      <CountTable caption="Connections by transport" name="Transport" counts={total.transports} />
      <CountTable caption="Subscribers by channel" name="Channel" counts={total.channels} />
      <CountTable caption="Refused connections by reason" name="Reason" counts={total.failures} />
      {nodes.length + missing.length > 1 && <NodeTable nodes={nodes} missing={missing} />}
    </>
  );
}

interface CountTableProps {
  readonly caption: string;
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Largest first; nothing at all when there is nothing to count. */
function CountTable({ caption, name, counts }: CountTableProps): ReactNode {
  const rows = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  if (rows.length === 0) return null;
  return (
    <DataTable caption={caption}>
      <thead>
        <tr>
          <th scope="col">{name}</th>
          <th scope="col" data-align="end">
            Count
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([key, count]) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td data-align="end">{formatCount(count)}</td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}

function NodeTable({ nodes, missing }: { nodes: readonly SocketStats[]; missing: readonly string[] }): ReactNode {
  return (
    <DataTable caption="Nodes">
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col" data-align="end">
            Connections
          </th>
          <th scope="col" data-align="end">
            Delay, p99
          </th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(({ node, connections, delayP99Ms }) => (
          <tr key={node}>
            <th scope="row">{node}</th>
            <td data-align="end">{formatCount(connections)}</td>
            <td data-align="end">{formatMs(delayP99Ms)}</td>
          </tr>
        ))}
        {missing.map((node) => (
          <tr key={node}>
            <th scope="row">{node}</th>
            <td data-align="end" colSpan={2}>
              does not answer
            </td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}
