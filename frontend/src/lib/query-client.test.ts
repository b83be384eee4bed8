import { describe, expect, test } from 'vitest';
import { ApiError } from '@/lib/http';
import { createQueryClient, retryUnlessRefused } from '@/lib/query-client';

const { queries, mutations } = createQueryClient().getDefaultOptions();

type Delay = number | ((attempt: number, error: Error) => number);

function delays(delay: Delay | undefined, count: number): unknown[] {
  return Array.from({ length: count }, (_, attempt) => (typeof delay === 'function' ? delay(attempt, new Error('x')) : delay));
}

describe('the query client', () => {
  test('keeps answers fresh for 30 s, asks three more times, and not for a mere glance at the window', () => {
    expect(queries).toMatchObject({
      staleTime: 30_000,
      retry: 3,
      refetchOnWindowFocus: false,
      refetchOnReconnect: true,
      networkMode: 'online',
    });
  });

  test('repeats queries after 1, 2, 4 … s, at most 30 s', () => {
    expect(delays(queries?.retryDelay, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('repeats mutations twice, after 0.5, 1, 2 … s, at most 5 s', () => {
    expect(mutations).toMatchObject({ retry: 2, networkMode: 'online' });
    expect(delays(mutations?.retryDelay, 5)).toEqual([500, 1000, 2000, 4000, 5000]);
  });
});

describe('retryUnlessRefused', () => {
  test.each([
    ['an unknown symbol is not asked for again', new ApiError(404, 'no'), 0, false],
    ['too many requests is', new ApiError(429, 'slow down'), 0, true],
    ['a server that cannot be reached is', new ApiError(0, 'away'), 2, true],
    ['but three times only', new ApiError(0, 'away'), 3, false],
  ])('%s', (_rule, error, failures, expected) => {
    expect(retryUnlessRefused(failures, error)).toBe(expected);
  });
});
