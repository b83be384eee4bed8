import { describe, expect, test } from 'vitest';
import { formatAge, formatBytes, formatChange, formatMs, formatPrice, formatVolume } from '@/lib/prices/format';

describe('formatPrice', () => {
  test.each([
    ['61234.5', '61,234.50'],
    ['142.8105', '142.811'],
    ['0.5312', '0.5312'],
    ['0.00001734', '0.00001734'],
    ['12345678901234567890.12', '12,345,678,901,234,567,890.12'],
    ['', '–'],
    ['abc', '–'],
  ])('%s is shown as %s', (decimal, shown) => {
    expect(formatPrice(decimal)).toBe(shown);
  });
});

describe('formatChange', () => {
  test.each([
    ['1.254', '+1.25 %'],
    ['-0.5', '−0.50 %'],
    ['-0.001', '0.00 %'],
    ['', '–'],
  ])('%s is shown as %s', (percent, shown) => {
    expect(formatChange(percent)).toBe(shown);
  });
});

describe('formatAge', () => {
  test.each([
    [-300, '0 s ago'],
    [2400, '2 s ago'],
    [61_000, '1 min ago'],
    [7_200_000, '2 h ago'],
    [200_000_000, '2 d ago'],
  ])('%i ms is %s', (age, shown) => {
    expect(formatAge(age)).toBe(shown);
  });
});

test('other figures are short', () => {
  expect(formatVolume('1234567.8')).toBe('1.235M');
  expect(formatMs(0.42)).toBe('0.4 ms');
  expect(formatMs(12_500)).toBe('12.5 s');
  expect(formatBytes(3_421_233)).toBe('3.4 MB');
});
