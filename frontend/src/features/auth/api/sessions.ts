import { queryOptions } from '@tanstack/react-query';
import { request } from '@/lib/api-client';
import { flag, instant, list, record, text } from '@/lib/decode';

/** A signed-in device. Moments are epoch milliseconds. */
export interface DeviceSession {
  readonly id: string;
  readonly device: string;
  readonly ip: string;
  readonly createdAt: number | null;
  readonly lastSeenAt: number | null;
  readonly current: boolean;
}

export const sessionsQuery = (userId: string) =>
  queryOptions({
    queryKey: ['sessions', userId],
    queryFn: async ({ signal }) =>
      list(record(await request('/api/auth/sessions', { signal }))['sessions'], decodeSession),
  });

export async function endSession(id: string): Promise<void> {
  await request(`/api/auth/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

function decodeSession(value: unknown): DeviceSession {
  const session = record(value);
  return {
    id: text(session['session_id']),
    device: deviceOf(text(session['user_agent'])),
    ip: text(session['ip']),
    createdAt: instant(session['created_at']),
    lastSeenAt: instant(session['last_seen_at']),
    current: flag(session['current']),
  };
}

// Browsers name others for compatibility, so the order decides: what stands first names all that follow.
const BROWSERS = [/(Edg)e?\//, /(Firefox)\//, /(Chrome)\//, /(Safari)\//] as const;
const SYSTEMS = [/(Android)/, /(iPhone|iPad)/, /(Windows)/, /(Mac OS)/, /(Linux)/] as const;

/** "Firefox on Linux"; what is no browser is called as it calls itself. */
export function deviceOf(userAgent: string): string {
  const browser = firstOf(BROWSERS, userAgent)?.replace('Edg', 'Edge');
  const system = firstOf(SYSTEMS, userAgent)?.replace('Mac OS', 'macOS');
  if (browser === undefined) return userAgent.slice(0, 60) || 'Unknown device';
  return system === undefined ? browser : `${browser} on ${system}`;
}

function firstOf(patterns: readonly RegExp[], userAgent: string): string | undefined {
  return patterns.map((pattern) => pattern.exec(userAgent)?.[1]).find((name) => name !== undefined);
}
