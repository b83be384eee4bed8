import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { request } from '@/lib/api-client';
import { ApiError } from '@/lib/http';
import { Session } from '@/lib/session';

const KEY = 'cryptovault.refresh';
const TOKENS = { access_token: 'access-1', refresh_token: 'refresh-1', expires_in: 600 };
const ME = { user_id: 'u1', email: 'ada@example.com' };

type Answers = Readonly<Record<string, readonly [status: number, body: object]>>;

/** Answers by path; remembers the paths asked for. */
function serve(answers: Answers): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path);
    const [status, body] = answers[path] ?? [404, { title: 'Not found' }];
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } }));
  });
  return asked;
}

beforeEach(() => {
  vi.useFakeTimers();
  window.sessionStorage.clear();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Session', () => {
  test('signing in keeps the access token in memory and only the refresh token in storage', async () => {
    serve({ '/api/auth/login': [200, TOKENS], '/api/auth/me': [200, ME] });
    const session = new Session(window.sessionStorage);
    await session.signIn('ada@example.com', 'a long enough password');

    expect(session.state.get()).toMatchObject({ status: 'signed-in', accessToken: 'access-1', user: { id: 'u1' } });
    expect(window.sessionStorage.length).toBe(1);
    expect(window.sessionStorage.getItem(KEY)).toBe('refresh-1');
  });

  test('a reload restores the session', async () => {
    window.sessionStorage.setItem(KEY, 'refresh-0');
    serve({ '/api/auth/refresh': [200, TOKENS], '/api/auth/me': [200, ME] });
    const session = new Session(window.sessionStorage);
    expect(session.state.get().status).toBe('restoring');

    await session.restore();

    expect(session.state.get().status).toBe('signed-in');
  });

  test('a refused refresh token ends the session, an unreachable server does not', async () => {
    window.sessionStorage.setItem(KEY, 'refresh-0');
    serve({ '/api/auth/refresh': [503, { title: 'Unavailable' }] });
    const session = new Session(window.sessionStorage);
    await session.restore();
    expect(window.sessionStorage.getItem(KEY)).toBe('refresh-0');

    serve({ '/api/auth/refresh': [401, { title: 'Unauthenticated' }] });
    await vi.advanceTimersByTimeAsync(5000);

    expect(window.sessionStorage.getItem(KEY)).toBeNull();
    expect(session.state.get().status).toBe('anonymous');
  });

  test('callers at the same time share one refresh', async () => {
    window.sessionStorage.setItem(KEY, 'refresh-0');
    const asked = serve({ '/api/auth/refresh': [200, TOKENS], '/api/auth/me': [200, ME] });
    const session = new Session(window.sessionStorage);
    await Promise.all([session.refresh(), session.refresh(), session.refresh()]);

    expect(asked.filter((path) => path === '/api/auth/refresh')).toHaveLength(1);
  });

  test('the token is renewed before it expires', async () => {
    const asked = serve({
      '/api/auth/login': [200, TOKENS],
      '/api/auth/me': [200, ME],
      '/api/auth/refresh': [200, { ...TOKENS, access_token: 'access-2' }],
    });
    const session = new Session(window.sessionStorage);
    await session.signIn('ada@example.com', 'a long enough password');
    await vi.advanceTimersByTimeAsync(481_000);

    expect(asked).toContain('/api/auth/refresh');
    expect(session.state.get().accessToken).toBe('access-2');
  });
});

test('a problem document becomes an error with its fields and trace', async () => {
  const errors = [{ field: 'password', message: 'too short' }];
  serve({ '/api/x': [400, { title: 'Invalid input', detail: 'Not valid.', trace_id: 't1', errors }] });

  const error: unknown = await request('/api/x').catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 400, message: 'Not valid.', fields: errors, traceId: 't1' });
});
