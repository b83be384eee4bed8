import { QueryClientProvider } from '@tanstack/react-query';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PricesTable } from '@/features/markets/components/prices-table';
import { pacedNow, pacer, priceStore } from '@/lib/prices/live';
import { decodePrice } from '@/lib/prices/quote';
import { createQueryClient } from '@/lib/query-client';

const SYMBOLS = ['BTC-USD', 'ETH-USD'];
const NOW = Date.now();

function price(symbol: string, value: string, seq: number, ageMs = 0): void {
  const event_time = new Date(NOW - ageMs).toISOString();
  priceStore.apply([decodePrice({ symbol, price: value, seq, event_time, quality: 'GOOD', simulated: true })]);
}

function show(): HTMLElement {
  render(
    <QueryClientProvider client={createQueryClient()}>
      <PricesTable symbols={SYMBOLS} search="" />
    </QueryClientProvider>,
  );
  return screen.getByTestId('prices-table');
}

function cell(symbol: string, testId: string): HTMLElement {
  const row = document.querySelector<HTMLElement>(`[data-symbol="${symbol}"]`);
  if (!row) throw new Error(`no row for ${symbol}`);
  return within(row).getByTestId(testId);
}

beforeEach(() => {
  vi.stubGlobal('fetch', () => Promise.reject(new Error('no network in this test')));
  pacer.setPace('live');
  price('BTC-USD', '61234.5', 1, 30_000);
  price('ETH-USD', '2412.33', 1);
  priceStore.flush();
  pacedNow.set(NOW);
});

afterEach(() => {
  pacer.setPace('live');
});

describe('PricesTable', () => {
  test('shows each price with its age, and says when it is old', () => {
    show();

    expect(cell('BTC-USD', 'price').textContent).toBe('61,234.50');
    expect(cell('BTC-USD', 'age').textContent).toBe('30 s ago');
    expect(cell('BTC-USD', 'age').querySelector('[data-stale="true"]')).not.toBeNull();
    expect(cell('ETH-USD', 'age').querySelector('[data-stale="false"]')).not.toBeNull();
  });

  test('says which prices are simulated and how good they are', () => {
    show();
    const row = screen.getByRole('row', { name: /ETH-USD/ });

    expect(within(row).getByText('Simulated')).toBeTruthy();
    expect(within(row).getByText('Good')).toBeTruthy();
  });

  test('while paused nothing in the table moves, and the newest price appears on resume', async () => {
    const table = show();
    act(() => { pacer.setPace('paused'); });
    const changes = vi.fn();
    const observer = new MutationObserver(changes);
    observer.observe(table, { subtree: true, childList: true, characterData: true, attributes: true });

    await act(async () => {
      price('ETH-USD', '2500', 2);
      await new Promise((resolve) => setTimeout(resolve, 60));
    });
    expect(changes).not.toHaveBeenCalled();
    expect(cell('ETH-USD', 'price').textContent).toBe('2,412.33');

    act(() => { pacer.setPace('live'); });
    expect(cell('ETH-USD', 'price').textContent).toBe('2,500.00');
    observer.disconnect();
  });

  test('a click on a header sorts by it, a second turns the order round', () => {
    show();
    const order = (): (string | null)[] => [...document.querySelectorAll('[data-symbol]')].map((row) => row.getAttribute('data-symbol'));
    const header = screen.getByRole('button', { name: 'Price' });
    fireEvent.click(header);
    expect(order()).toEqual(['BTC-USD', 'ETH-USD']);

    fireEvent.click(header);
    expect(order()).toEqual(['ETH-USD', 'BTC-USD']);
    expect(screen.getByRole('columnheader', { name: 'Price' }).getAttribute('aria-sort')).toBe('ascending');
  });
});
