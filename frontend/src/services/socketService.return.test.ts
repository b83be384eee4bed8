import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeTransport } from '@/testing/fake-transport';
import { SocketService } from '@/services/socketService';

let transport: FakeTransport;
let service: SocketService;

beforeEach(() => {
  vi.useFakeTimers();
  transport = new FakeTransport();
  service = new SocketService(transport);
  service.connect();
  transport.open();
});

afterEach(() => {
  service.disconnect();
  vi.useRealTimers();
});

function delay(): number {
  return (service.state.get().retryAt ?? 0) - Date.now();
}

describe('coming back', () => {
  test('waits once as long as a server that is about to stop has asked', () => {
    transport.receive('system', { kind: 'reconnect', delay_ms: 2345 });
    transport.lose();
    expect(delay()).toBe(2345);

    transport.lose();
    expect(delay()).toBeLessThanOrEqual(1000);
  });

  test.each([{ kind: 'note', delay_ms: 2345 }, { kind: 'reconnect', delay_ms: 'soon' }, null])('%j asks for no delay', (payload) => {
    transport.receive('system', payload);
    transport.lose();

    expect(delay()).toBeLessThanOrEqual(500);
  });

  test('gives up what was given up meanwhile: a connection that is recovered has it still', async () => {
    service.subscribe(['prices', 'candles:BTC-USD:1m', 'notifications']);
    transport.lose();
    service.unsubscribe(['prices', 'candles:BTC-USD:1m']);
    service.subscribe(['prices']);
    transport.sent = [];
    service.retryNow();
    transport.open();
    await vi.advanceTimersByTimeAsync(0);

    expect(transport.sent).toEqual([
      { event: 'unsubscribe', payload: ['candles:BTC-USD:1m'] },
      { event: 'subscribe', payload: ['notifications', 'prices'] },
    ]);
  });
});
