import { act, render, screen } from '@testing-library/react';
import { useState, type ReactNode } from 'react';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ConnectionBadge } from '@/components/layouts/connection-badge';
import { SocketProvider, usePriceUpdates } from '@/contexts/SocketContext';
import { SocketService } from '@/services/socketService';
import { FakeTransport } from '@/testing/fake-transport';

function LastPrice(): ReactNode {
  const [price, setPrice] = useState('none');
  usePriceUpdates((data) => {
    setPrice(data.prices['BTC-USD']?.price ?? 'none');
  });
  return <output>{price}</output>;
}

function connect(children: ReactNode): { transport: FakeTransport; show: (children: ReactNode) => void; leave: () => void } {
  const transport = new FakeTransport();
  const service = new SocketService(transport);
  const page = (content: ReactNode): ReactNode => <SocketProvider service={service}>{content}</SocketProvider>;
  const { rerender, unmount } = render(page(children));
  const show = (content: ReactNode): void => { rerender(page(content)); };
  return { transport, show, leave: unmount };
}

/** The reader looks at the page, or at another. */
function look(visible: boolean): void {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(!visible);
  document.dispatchEvent(new Event('visibilitychange'));
}

afterEach(() => { vi.restoreAllMocks(); });

describe('usePriceUpdates', () => {
  test('subscribes to prices, hands on what comes, and unsubscribes at the end', () => {
    const { transport, show } = connect(<LastPrice />);
    act(() => { transport.open(); });
    act(() => { transport.receive('price_update', { prices: { 'BTC-USD': { price: '61234.5' } } }); });
    expect(screen.getByText('61234.5')).toBeTruthy();

    show(null);

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices'] },
      { event: 'unsubscribe', payload: ['prices'] },
    ]);
  });

  test('a page in the background asks for one update a second, and for all again when it is looked at', () => {
    const { transport } = connect(<LastPrice />);
    act(() => { transport.open(); });
    transport.sent = [];
    look(false);
    look(true);

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices'], options: { hz: 1 } },
      { event: 'subscribe', payload: ['prices'] },
    ]);
  });

  test('leaving the page ends the connection', () => {
    const { transport, leave } = connect(<LastPrice />);
    act(() => { transport.open(); });
    leave();

    expect(transport.connected).toBe(false);
  });
});

describe('the connection badge', () => {
  test('always says how the connection is, and counts down to the next attempt', () => {
    const { transport } = connect(<ConnectionBadge />);
    const badge = screen.getByTestId('connection-state');
    expect(badge.dataset['state']).toBe('connecting');

    act(() => { transport.open(); });
    expect(badge.dataset['state']).toBe('connected');
    expect(screen.getByRole('status').textContent).toBe('Live');

    act(() => { transport.lose(); });
    expect(badge.dataset['state']).toBe('disconnected');
    expect(badge.textContent).toMatch(/retry in 1 s/);
  });
});
