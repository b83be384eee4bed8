import { queryOptions } from '@tanstack/react-query';
import { request } from '@/lib/api-client';
import { instant, list, record, text } from '@/lib/decode';

const DAY_MS = 24 * 3600 * 1000;

/** A key as it may be shown again: all but its secret. Moments are epoch milliseconds, null: never. */
export interface ApiKey {
  readonly id: string;
  readonly prefix: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tier: string;
  readonly createdAt: number | null;
  readonly lastUsedAt: number | null;
  readonly expiresAt: number | null;
  readonly ended: boolean;
}

export interface ApiKeyWish {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Days until it ends by itself; null: never. */
  readonly days: number | null;
}

export const apiKeysQuery = (userId: string) =>
  queryOptions({
    queryKey: ['api-keys', userId],
    queryFn: async ({ signal }) => list(record(await request('/api/auth/api-keys', { signal }))['api_keys'], decodeKey),
  });

/** Makes a key and returns its text, which the server does not show again. */
export async function createApiKey({ name, scopes, days }: ApiKeyWish): Promise<string> {
  const end = days === null ? {} : { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() };
  const answer = await request('/api/auth/api-keys', { method: 'POST', body: { name, scopes, ...end } });
  return text(record(answer)['key']);
}

export async function revokeApiKey(id: string): Promise<void> {
  await request(`/api/auth/api-keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

function decodeKey(value: unknown): ApiKey {
  const key = record(value);
  const expiresAt = instant(key['expires_at']);
  return {
    id: text(key['key_id']),
    prefix: text(key['prefix']),
    name: text(key['name']),
    scopes: list(key['scopes'], text),
    tier: text(key['tier']),
    createdAt: instant(key['created_at']),
    lastUsedAt: instant(key['last_used_at']),
    expiresAt,
    ended: expiresAt !== null && expiresAt <= Date.now(),
  };
}
