import type { Credentials, Transport } from '@/services/transport';

interface Sent {
  readonly event: string;
  readonly payload: unknown;
  readonly options?: unknown;
}

/** A connection that does what the test says, and remembers what it was asked to do. */
export class FakeTransport implements Transport {
  connected = false;
  attempts = 0;
  handshakes: Credentials[] = [];
  sent: Sent[] = [];
  answers: Record<string, unknown> = { authenticate: { ok: true } };
  #credentials = (): Credentials => ({});
  #opened = (): void => undefined;
  #refused: (reason: string) => void = () => undefined;
  #lost: (reason: string) => void = () => undefined;
  #event: (event: string, payload: unknown) => void = () => undefined;

  connect(): void {
    this.attempts += 1;
    this.handshakes.push(this.#credentials());
  }

  disconnect(): void {
    this.connected = false;
  }

  onHandshake(credentials: () => Credentials): void {
    this.#credentials = credentials;
  }

  onRefused(handler: (reason: string) => void): void {
    this.#refused = handler;
  }

  onConnect(handler: () => void): void {
    this.#opened = handler;
  }

  onLost(handler: (reason: string) => void): void {
    this.#lost = handler;
  }

  onEvent(handler: (event: string, payload: unknown) => void): void {
    this.#event = handler;
  }

  request(event: string, payload: unknown, options?: unknown): Promise<unknown> {
    this.sent.push(options === undefined ? { event, payload } : { event, payload, options });
    return Promise.resolve(this.answers[event] ?? {});
  }

  open(): void {
    this.connected = true;
    this.#opened();
  }

  refuse(): void {
    this.#refused('the access token has expired');
  }

  lose(): void {
    this.connected = false;
    this.#lost('transport close');
  }

  receive(event: string, payload: unknown): void {
    this.#event(event, payload);
  }
}
