import { expect, test } from 'vitest';
import { decodeSocketReport } from '@/features/system/api/sockets';

test('a report has the total, each node, and the names of those that are missing', () => {
  const report = decodeSocketReport({
    total: { connections: 3, messages_sent: '12', channels: { prices: 2 }, handshake_failures_by_reason: { token: '1' } },
    nodes: [{ node: 'node-1', connections: 3, conflation_ratio: 0.5 }],
    missing_nodes: ['node-2'],
  });

  expect(report.total).toMatchObject({ connections: 3, messagesSent: 12, channels: { prices: 2 }, failures: { token: 1 } });
  expect(report.nodes).toHaveLength(1);
  expect(report.nodes[0]).toMatchObject({ node: 'node-1', conflationRatio: 0.5, failures: {} });
  expect(report.missing).toEqual(['node-2']);
});

test('what a node of an earlier version does not say is nothing', () => {
  const { total, nodes, missing } = decodeSocketReport({ total: {} });

  expect([total.connections, total.recoveries, nodes, missing]).toEqual([0, 0, [], []]);
});
