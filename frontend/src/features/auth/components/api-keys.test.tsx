import { QueryClientProvider } from '@tanstack/react-query';
import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { deviceOf } from '@/features/auth/api/sessions';
import { ApiKeysPanel } from '@/features/auth/components/api-keys-panel';
import { NewApiKeyPanel } from '@/features/auth/components/new-api-key-panel';
import { SessionsPanel } from '@/features/auth/components/sessions-panel';
import { createQueryClient } from '@/lib/query-client';
import type { User } from '@/lib/session';

const KEY = 'cv_live_0123456789abcdef_secret';
const ADA: User = { id: 'u1', email: 'ada@example.com', displayName: 'Ada', scopes: [] };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

let asked: Asked[] = [];
let keys: object[] = [];

function answerTo(method: string, path: string): object {
  if (method === 'POST') {
    keys = [{ key_id: 'k1', prefix: 'cv_live_k1', name: 'bot', tier: 'free', created_at: '2026-01-02T03:04:05Z' }];
    return { key: KEY, api_key: keys[0] };
  }
  if (method === 'DELETE') keys = [];
  const sessions = [
    { session_id: 's1', user_agent: 'curl/8.5.0', ip: '192.0.2.1', current: true },
    { session_id: 's2', user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0', ip: '192.0.2.2' },
  ];
  return path.endsWith('/sessions') ? { sessions } : { api_keys: keys };
}

beforeEach(() => {
  asked = [];
  keys = [];
  vi.stubGlobal('fetch', (path: string, { method = 'GET', body }: RequestInit) => {
    asked.push({ method, path, body: typeof body === 'string' ? JSON.parse(body) : undefined });
    const headers = { 'Content-Type': 'application/json' };
    return Promise.resolve(new Response(JSON.stringify(answerTo(method, path)), { headers }));
  });
});

function show(user: User = ADA): void {
  render(
    <QueryClientProvider client={createQueryClient()}>
      <NewApiKeyPanel user={user} />
      <ApiKeysPanel userId={user.id} />
      <SessionsPanel userId={user.id} />
    </QueryClientProvider>,
  );
}

function create(name: string): void {
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: name } });
  fireEvent.click(screen.getByRole('button', { name: 'Create key' }));
}

test('a new key is shown to be copied, and listed without its secret', async () => {
  const writeText = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue();
  show();
  create('bot');

  const field = await screen.findByLabelText<HTMLInputElement>('The new API key');
  expect(field.value).toBe(KEY);
  fireEvent.click(screen.getByRole('button', { name: 'Copy' }));
  await screen.findByText('Copied');
  expect(writeText).toHaveBeenCalledWith(KEY);
  expect((await screen.findByTestId('api-key')).textContent).toContain('cv_live_k1_…');
  expect(screen.getByTestId('api-key').textContent).not.toContain('secret');
});

test('a key ends after the time chosen, and does not ask for scopes', async () => {
  show();
  fireEvent.click(screen.getByLabelText('No end'));
  create('bot');

  await screen.findByLabelText('The new API key');
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({ name: 'bot', scopes: [] });
});

test('only an administrator may give a key that scope, and has to choose it', async () => {
  show({ ...ADA, scopes: ['admin'] });
  fireEvent.click(screen.getByLabelText('May do what an administrator may'));
  create('bot');

  await screen.findByLabelText('The new API key');
  expect(asked.find(({ method }) => method === 'POST')?.body).toMatchObject({ scopes: ['admin'] });
});

test('without a clipboard the key stays selected for the keyboard', async () => {
  vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('not allowed'));
  show();
  create('bot');
  await screen.findByLabelText('The new API key');
  fireEvent.click(screen.getByRole('button', { name: 'Copy' }));

  expect(await screen.findByText('Press Ctrl+C')).toBeTruthy();
});

test('a key is revoked by a second press only', async () => {
  show();
  create('bot');
  fireEvent.click(await screen.findByRole('button', { name: 'Revoke bot' }));
  expect(asked.some(({ method }) => method === 'DELETE')).toBe(false);
  fireEvent.blur(screen.getByRole('button', { name: 'Really revoke bot?' }));
  fireEvent.click(screen.getByRole('button', { name: 'Revoke bot' }));
  fireEvent.click(screen.getByRole('button', { name: 'Really revoke bot?' }));

  await waitFor(() => { expect(screen.queryByTestId('api-key')).toBeNull(); });
  expect(asked.find(({ method }) => method === 'DELETE')?.path).toBe('/api/auth/api-keys/k1');
});

test('the session one is in cannot be ended here, the others can', async () => {
  show();
  const rows = await screen.findAllByTestId('session');
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining('curl/8.5.0'),
    expect.stringContaining('Firefox on Linux'),
  ]);
  expect(screen.getByText('this one')).toBeTruthy();
  const end = screen.getByRole('button', { name: 'End the session on Firefox on Linux' });
  fireEvent.click(end);
  fireEvent.click(end);

  await waitFor(() => { expect(asked.some(({ path }) => path === '/api/auth/sessions/s2')).toBe(true); });
});

test.each([
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537.36 Edg/140', 'Edge on Windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 15) AppleWebKit/605 (KHTML, like Gecko) Version/19 Safari/605', 'Safari on macOS'],
  ['Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36', 'Chrome on Android'],
  ['python-httpx/0.28', 'python-httpx/0.28'],
  ['', 'Unknown device'],
])('%s is called by its name', (userAgent, name) => {
  expect(deviceOf(userAgent)).toBe(name);
});
