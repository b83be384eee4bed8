import { queryOptions } from '@tanstack/react-query';
import { request } from '@/lib/api-client';
import { flag, list, number, optionalNumber, record, table, text, type Json } from '@/lib/decode';

/** How often the page looks again, in milliseconds; under the limit of 60 requests a minute. */
export const PERIOD_MS = 5000;

export interface ComponentHealth {
  readonly status: string;
  readonly latencyMs: number | null;
  readonly detail: string;
}

export interface Health {
  readonly status: string;
  readonly components: Readonly<Record<string, ComponentHealth>>;
}

export interface Venue {
  readonly venue: string;
  readonly circuit: string;
  readonly connected: boolean;
  readonly simulated: boolean;
  readonly lagMs: number;
  readonly messagesPerSecond: number;
  readonly symbols: number;
  readonly connects: number;
  readonly lastError: string;
}

export interface CacheStats {
  readonly id: string;
  readonly l1HitRate: number;
  readonly l2HitRate: number;
  readonly loads: number;
  readonly coalesced: number;
  readonly evictions: number;
  readonly entries: number;
  readonly capacity: number;
}

export interface RedisStats {
  readonly usedMemoryBytes: number;
  readonly keys: number;
  readonly commandsPerSecond: number;
  readonly connectedClients: number;
}

export interface CacheReport {
  readonly total: CacheStats;
  readonly caches: readonly CacheStats[];
  readonly redis: RedisStats | null;
}

export const healthQuery = queryOptions({
  queryKey: ['health'],
  // 503 is an answer too: it says what is down.
  queryFn: async ({ signal }) => decodeHealth(await request('/health', { signal, accept: [503] })),
  refetchInterval: PERIOD_MS,
});

export const venuesQuery = queryOptions({
  queryKey: ['venues'],
  queryFn: async ({ signal }) => list(record(await request('/api/venues', { signal }))['venues'], decodeVenue),
  refetchInterval: PERIOD_MS,
});

export const cacheQuery = queryOptions({
  queryKey: ['cache', 'stats'],
  queryFn: async ({ signal }) => decodeCacheReport(await request('/api/cache/stats', { signal })),
  refetchInterval: PERIOD_MS,
});

function decodeHealth(value: unknown): Health {
  const health = record(value);
  return { status: text(health['status']), components: table(health['components'], decodeComponent) };
}

function decodeComponent(value: unknown): ComponentHealth {
  const component = record(value);
  return {
    status: text(component['status']),
    latencyMs: optionalNumber(component['latency_ms']),
    detail: text(component['detail']),
  };
}

function decodeVenue(value: unknown): Venue {
  const venue = record(value);
  return {
    venue: text(venue['venue']),
    circuit: text(venue['circuit']).replace(/^CIRCUIT_/, ''),
    connected: flag(venue['connected']),
    simulated: flag(venue['simulated']),
    lagMs: number(venue['lag_ms']),
    messagesPerSecond: number(venue['messages_per_second']),
    symbols: number(venue['symbols']),
    connects: number(venue['connects']),
    lastError: text(venue['last_error']),
  };
}

function decodeCacheReport(value: unknown): CacheReport {
  const report = record(value);
  return {
    total: decodeCache(report['total']),
    caches: list(report['caches'], decodeCache),
    redis: report['redis'] ? decodeRedis(record(report['redis'])) : null,
  };
}

function decodeCache(value: unknown): CacheStats {
  const cache = record(value);
  return {
    id: [cache['service'], cache['name'], cache['replica']].map(text).filter(Boolean).join(' · '),
    l1HitRate: number(cache['l1_hit_rate']),
    l2HitRate: number(cache['l2_hit_rate']),
    loads: number(cache['loads']),
    coalesced: number(cache['coalesced']),
    evictions: number(cache['evictions']),
    entries: number(cache['entries']),
    capacity: number(cache['capacity']),
  };
}

function decodeRedis(redis: Json): RedisStats {
  return {
    usedMemoryBytes: number(redis['used_memory_bytes']),
    keys: number(redis['keys']),
    commandsPerSecond: number(redis['commands_per_second']),
    connectedClients: number(redis['connected_clients']),
  };
}
