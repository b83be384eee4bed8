import { expect, test } from 'vitest';
import { isStale, STALE_AFTER_MS } from '@/lib/prices/staleness';

const NOW = 1_800_000_000_000;

test('a price within the limit is fresh', () => {
  expect(isStale({ at: NOW - STALE_AFTER_MS, quality: 'GOOD' }, NOW)).toBe(false);
});

test('a price beyond the limit is stale, however good it once was', () => {
  expect(isStale({ at: NOW - STALE_AFTER_MS - 1, quality: 'GOOD' }, NOW)).toBe(true);
});

test('a price that the server calls stale is stale, however new', () => {
  expect(isStale({ at: NOW, quality: 'STALE' }, NOW)).toBe(true);
});
