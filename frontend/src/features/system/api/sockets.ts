import { queryOptions } from '@tanstack/react-query';
import { PERIOD_MS } from '@/features/system/api/system';
import { request } from '@/lib/api-client';
import { list, number, record, table, text } from '@/lib/decode';

/** What one node's sockets are doing, or those of all nodes. */
export interface SocketStats {
  readonly node: string;
  readonly connections: number;
  readonly authenticated: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly conflationRatio: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly slowConflated: number;
  readonly slowLowered: number;
  readonly slowDisconnects: number;
  readonly fastDisconnects: number;
  readonly reconnects: number;
  readonly recoveries: number;
  readonly transports: Readonly<Record<string, number>>;
  readonly channels: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
}

export interface SocketReport {
  readonly total: SocketStats;
  readonly nodes: readonly SocketStats[];
  /** Nodes that did not answer and are not in the total. */
  readonly missing: readonly string[];
}

export const socketsQuery = queryOptions({
  queryKey: ['socketio', 'stats'],
  queryFn: async ({ signal }) => decodeSocketReport(await request('/api/socketio/stats', { signal })),
  refetchInterval: PERIOD_MS,
});

export function decodeSocketReport(value: unknown): SocketReport {
  const report = record(value);
  return {
    total: decodeSockets(report['total']),
    nodes: list(report['nodes'], decodeSockets),
    missing: list(report['missing_nodes'], text),
  };
}

function decodeSockets(value: unknown): SocketStats {
  const sockets = record(value);
  return {
    node: text(sockets['node']),
    connections: number(sockets['connections']),
    authenticated: number(sockets['authenticated']),
    messagesPerSecond: number(sockets['messages_per_second']),
    bytesPerSecond: number(sockets['bytes_per_second']),
    messagesSent: number(sockets['messages_sent']),
    bytesSent: number(sockets['bytes_sent']),
    conflationRatio: number(sockets['conflation_ratio']),
    delayP50Ms: number(sockets['delay_p50_ms']),
    delayP99Ms: number(sockets['delay_p99_ms']),
    slowConflated: number(sockets['slow_conflated']),
    slowLowered: number(sockets['slow_lowered']),
    slowDisconnects: number(sockets['slow_disconnects']),
    fastDisconnects: number(sockets['fast_disconnects']),
    reconnects: number(sockets['reconnects']),
    recoveries: number(sockets['recoveries']),
    transports: table(sockets['transports'], number),
    channels: table(sockets['channels'], number),
    failures: table(sockets['handshake_failures_by_reason'], number),
  };
}
