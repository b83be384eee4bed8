import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeTransport } from '@/testing/fake-transport';
import { SocketService } from '@/services/socketService';

let transport: FakeTransport;
let service: SocketService;

beforeEach(() => {
  vi.useFakeTimers();
  transport = new FakeTransport();
  service = new SocketService(transport);
});

afterEach(() => {
  service.disconnect();
  vi.useRealTimers();
});

/** Lets answers that are already there be taken. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('connection state', () => {
  test('goes from disconnected over connecting to connected', () => {
    const seen = [service.state.get().status];
    service.state.subscribe(() => seen.push(service.state.get().status));

    service.connect();
    transport.open();

    expect(seen).toEqual(['disconnected', 'connecting', 'connected']);
  });

  test('says when the next attempt comes', () => {
    service.connect();
    transport.lose();

    const { status, retryAt } = service.state.get();
    expect(status).toBe('disconnected');
    expect(retryAt).toBeGreaterThan(Date.now());
  });

  test('connecting twice opens one connection', () => {
    service.connect();
    service.connect();

    expect(transport.attempts).toBe(1);
  });
});

describe('reconnection', () => {
  test('waits twice as long each time, less up to half, and never more than five seconds', () => {
    service.connect();
    const delays = Array.from({ length: 8 }, () => {
      transport.lose();
      const delay = (service.state.get().retryAt ?? 0) - Date.now();
      vi.advanceTimersByTime(delay);
      return delay;
    });

    delays.forEach((delay, attempt) => {
      const ceiling = Math.min(5000, 500 * 2 ** attempt);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delay).toBeLessThanOrEqual(ceiling);
    });
    expect(transport.attempts).toBe(9);
  });

  test('begins with the short delay again after a success', () => {
    service.connect();
    for (let losses = 0; losses < 5; losses += 1) transport.lose();
    transport.open();
    transport.lose();

    expect((service.state.get().retryAt ?? 0) - Date.now()).toBeLessThanOrEqual(500);
  });

  test('a late failure of an earlier attempt does not disturb a connection that succeeded', () => {
    service.connect();
    transport.lose();
    transport.open();
    vi.advanceTimersByTime(10_000);

    expect(service.state.get().status).toBe('connected');
    expect(transport.attempts).toBe(1);
  });

  test('happens at once when the reader asks', () => {
    service.connect();
    transport.lose();
    service.retryNow();

    expect(transport.attempts).toBe(2);
    expect(service.state.get().status).toBe('connecting');
  });

  test('does not happen after disconnect', () => {
    service.connect();
    transport.open();
    service.disconnect();
    transport.lose();
    vi.advanceTimersByTime(60_000);

    expect(transport.attempts).toBe(1);
    expect(service.state.get()).toEqual({ status: 'disconnected', retryAt: null });
  });

  test('shows the newest token at the handshake, then subscribes again to everything', async () => {
    service.subscribe(['prices', 'notifications']);
    service.connect();
    transport.open();
    await service.authenticate('ada', 'token-1');
    transport.lose();
    transport.sent = [];
    service.retryNow();
    transport.open();
    await settle();

    expect(transport.handshakes).toEqual([{}, { token: 'token-1' }]);
    expect(transport.sent).toEqual([{ event: 'subscribe', payload: ['prices', 'notifications'] }]);
  });
});

describe('authentication', () => {
  test('a token given to connect is shown at the handshake, and not sent again', async () => {
    service.connect('token-1');
    transport.open();
    await settle();

    expect(transport.handshakes).toEqual([{ token: 'token-1' }]);
    expect(transport.sent).toEqual([]);
  });

  test('a token that comes while the handshake is under way is sent as soon as the connection is open', async () => {
    service.connect('token-1');
    await service.authenticate('ada', 'token-2');
    transport.open();
    await settle();

    expect(transport.handshakes).toEqual([{ token: 'token-1' }]);
    expect(transport.sent).toEqual([{ event: 'authenticate', payload: { token: 'token-2' } }]);
  });

  test('a token refused at the handshake is told, and the page goes on as a stranger', async () => {
    service.subscribe(['prices']);
    service.connect('expired');
    transport.refuse();
    transport.open();
    await settle();

    expect(service.refused.get()).toBe(true);
    expect(transport.handshakes).toEqual([{ token: 'expired' }, {}]);
    expect(transport.sent).toEqual([{ event: 'subscribe', payload: ['prices'] }]);
  });

  test('the token that replaces a refused one makes the connection the user\'s', async () => {
    service.connect('expired');
    transport.refuse();
    transport.open();
    await service.authenticate('ada', 'token-2');

    expect(service.refused.get()).toBe(false);
    expect(transport.sent).toEqual([{ event: 'authenticate', payload: { token: 'token-2' } }]);
  });

  test('a stranger who is refused tries again later, not at once', () => {
    service.connect();
    transport.refuse();

    expect(transport.attempts).toBe(1);
    expect(service.state.get().status).toBe('disconnected');
  });

  test('a token refused on the open connection is told', async () => {
    transport.answers = { authenticate: { ok: false } };
    service.connect();
    transport.open();
    await service.authenticate('ada', 'expired');

    expect(service.refused.get()).toBe(true);
  });

  test('a user who signed out leaves a connection that belongs to nobody', async () => {
    service.connect('token-1');
    transport.open();
    service.forgetUser();
    transport.sent = [];
    transport.open();
    await settle();

    expect(transport.sent).toEqual([]);
    expect(transport.attempts).toBe(2);
  });
});

describe('subscriptions', () => {
  beforeEach(() => {
    service.connect();
    transport.open();
  });

  test('a channel wanted twice is asked for once, and given up when nobody wants it', () => {
    service.subscribe(['prices']);
    service.subscribe(['prices']);
    service.unsubscribe(['prices']);
    service.unsubscribe(['prices']);

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices'] },
      { event: 'unsubscribe', payload: ['prices'] },
    ]);
  });

  test('giving up what was never wanted asks for nothing', () => {
    service.unsubscribe(['prices']);

    expect(transport.sent).toEqual([]);
  });

  test('a wish for fewer updates is sent along, and channels with the same wish in one request', async () => {
    service.subscribe(['prices', 'candles:BTC-USD:1m'], { hz: 2 });
    service.subscribe(['notifications']);
    transport.lose();
    transport.sent = [];
    service.retryNow();
    transport.open();
    await settle();

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices', 'candles:BTC-USD:1m'], options: { hz: 2 } },
      { event: 'subscribe', payload: ['notifications'] },
    ]);
  });

  test('of several wishes for a channel the fastest holds, for as long as it is there', () => {
    service.subscribe(['prices'], { hz: 2 });
    service.subscribe(['prices'], { hz: 1 });
    service.subscribe(['prices']);
    service.unsubscribe(['prices']);
    service.unsubscribe(['prices'], { hz: 1 });
    service.unsubscribe(['prices'], { hz: 2 });

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices'], options: { hz: 2 } },
      { event: 'subscribe', payload: ['prices'] },
      { event: 'subscribe', payload: ['prices'], options: { hz: 2 } },
      { event: 'unsubscribe', payload: ['prices'] },
    ]);
  });

  test('a page that nobody looks at gets fewer updates, until somebody does', () => {
    service.subscribe(['prices']);
    service.slowDown(1);
    service.slowDown(1);
    service.subscribe(['candles:BTC-USD:1m']);
    service.slowDown();

    expect(transport.sent).toEqual([
      { event: 'subscribe', payload: ['prices'] },
      { event: 'subscribe', payload: ['prices'], options: { hz: 1 } },
      { event: 'subscribe', payload: ['candles:BTC-USD:1m'], options: { hz: 1 } },
      { event: 'subscribe', payload: ['prices', 'candles:BTC-USD:1m'] },
    ]);
  });

  test('handlers get decoded events until they are taken off', () => {
    const prices: string[] = [];
    const handler = (data: { prices: Readonly<Record<string, { price: string }>> }): void => {
      prices.push(...Object.values(data.prices).map(({ price }) => price));
    };
    service.on('price_update', handler);
    transport.receive('price_update', { prices: { 'BTC-USD': { price: 61234.5 } } });
    service.off('price_update', handler);
    transport.receive('price_update', { prices: { 'BTC-USD': { price: '1' } } });

    expect(prices).toEqual(['61234.5']);
  });

  test('an event of an unknown name is ignored', () => {
    expect(() => { transport.receive('toString', {}); }).not.toThrow();
  });
});
