import { backoffDelay } from '@/lib/backoff';
import { flag, optionalNumber, record, type Json } from '@/lib/decode';
import { Observable } from '@/lib/observable';
import { decodeCandleUpdate } from '@/lib/prices/candle';
import { decodePriceUpdate } from '@/lib/prices/quote';
import { decodeHello, decodeNotification, type EventName, type ServerEvents } from '@/services/events';
import { createTransport, type Credentials, type Transport } from '@/services/transport';

export interface ConnectionState {
  readonly status: 'connected' | 'connecting' | 'disconnected';
  /** When the next attempt comes, epoch milliseconds; null when none is planned. */
  readonly retryAt: number | null;
}

export interface SubscribeOptions {
  /** The most updates per second; without it as many as the channel has. The server rounds it down to a pace it knows. */
  readonly hz?: number;
}

type Handler<E extends EventName> = (payload: ServerEvents[E]) => void;
type Topics = { readonly [E in EventName]: Topic<ServerEvents[E]> };

/** The first retry comes within half a second, no retry later than five seconds. */
const RECONNECT = { base: 500, cap: 5000 };
/** As many updates as a channel has. */
const FULL = Infinity;
const IDLE: ConnectionState = { status: 'disconnected', retryAt: null };

/** One live connection for the whole page. What was subscribed and who was authenticated survives reconnections. */
export class SocketService {
  readonly state = new Observable<ConnectionState>(IDLE);
  /** True after the server refused the token; the owner of the session renews it and authenticates again. */
  readonly refused = new Observable<boolean>(false);
  readonly #transport: Transport;
  readonly #topics: Topics = {
    hello: new Topic(decodeHello),
    price_update: new Topic(decodePriceUpdate),
    candle_update: new Topic(decodeCandleUpdate),
    notification: new Topic(decodeNotification),
    token_expiring: new Topic(record),
    session_ended: new Topic(record),
  };
  /** The updates per second that each part of the page wants of a channel. */
  readonly #wishes = new Map<string, readonly number[]>();
  /** Given up while there was no connection: one that is recovered has them still. */
  readonly #dropped = new Set<string>();
  #ceiling = FULL;
  #token: string | null = null;
  /** The token that the present connection was made with, or was given since. */
  #shown: string | null = null;
  /** A token that the server does not want: it is not shown again. */
  #spent: string | null = null;
  #wanted = false;
  #attempt = 0;
  /** How long a server that is about to stop has asked to stay away, in milliseconds. */
  #pause: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.onHandshake(() => this.#credentials());
    transport.onRefused(() => { this.#refusedAtHandshake(); });
    transport.onConnect(() => void this.#opened());
    transport.onLost(() => { this.#lost(); });
    transport.onEvent((event, payload) => { this.#dispatch(event, payload); });
  }

  /** Opens the connection and keeps it open; with a token, as its user, now and after every reconnection. */
  connect(token?: string): void {
    if (token !== undefined) this.#token = token;
    this.#wanted = true;
    if (this.state.get().status === 'disconnected') this.#open();
  }

  /** Makes the connection the user's, now and after every reconnection. Resolves to whether the server agreed. */
  async authenticate(_userId: string, token: string): Promise<boolean> {
    this.#token = token;
    if (!this.#transport.connected) return false;
    const agreed = await this.#authenticate();
    // Channels that were refused to a stranger may be open to the user.
    if (agreed) await this.#subscribe(this.#wishes.keys());
    return agreed;
  }

  /** Of several wishes for one channel the fastest is granted. */
  subscribe(channels: readonly string[], { hz = FULL }: SubscribeOptions = {}): void {
    const changed = channels.filter((channel) => this.#pace(channel) < hz);
    for (const channel of channels) this.#wishes.set(channel, [...(this.#wishes.get(channel) ?? []), hz]);
    if (this.#transport.connected) void this.#subscribe(changed);
  }

  /** Takes back a wish, with the options that it was made with. */
  unsubscribe(channels: readonly string[], { hz = FULL }: SubscribeOptions = {}): void {
    const changed = channels.filter((channel) => this.#release(channel, hz));
    for (const channel of changed) if (!this.#wishes.has(channel)) this.#dropped.add(channel);
    if (!this.#transport.connected) return;
    void this.#unsubscribe();
    void this.#subscribe(changed.filter((channel) => this.#wishes.has(channel)));
  }

  /** Slows all channels down, for a page that nobody looks at; without a number the page is looked at again. */
  slowDown(hz = FULL): void {
    if (hz === this.#ceiling) return;
    this.#ceiling = hz;
    if (this.#transport.connected) void this.#subscribe(this.#wishes.keys());
  }

  on<E extends EventName>(event: E, handler: Handler<E>): void {
    this.#topics[event].handlers.add(handler);
  }

  off<E extends EventName>(event: E, handler: Handler<E>): void {
    this.#topics[event].handlers.delete(handler);
  }

  /** Tries at once instead of waiting: the network is back, or the reader is. */
  retryNow(): void {
    if (this.#wanted && this.state.get().status === 'disconnected') this.#open();
  }

  /** Ends the connection and forgets whose it was. Subscriptions belong to the page and stay. */
  disconnect(): void {
    this.#wanted = false;
    this.#token = null;
    clearTimeout(this.#timer);
    this.#transport.disconnect();
    this.state.set(IDLE);
  }

  /** Makes the connection a stranger's again, for a user who signed out. */
  forgetUser(): void {
    if (this.#token === null) return;
    this.disconnect();
    this.connect();
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.state.set({ status: 'connecting', retryAt: null });
    this.#transport.connect();
  }

  async #opened(): Promise<void> {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#pause = null;
    this.state.set({ status: 'connected', retryAt: null });
    if (this.#shown !== null) this.refused.set(false);
    // A newer token came while the handshake was under way.
    if (this.#token !== null && this.#token !== this.#shown && this.#token !== this.#spent) await this.#authenticate();
    await Promise.all([this.#unsubscribe(), this.#subscribe(this.#wishes.keys())]);
  }

  #lost(): void {
    if (!this.#wanted) return;
    const delay = this.#pause ?? backoffDelay(this.#attempt, RECONNECT);
    this.#pause = null;
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#open(); }, delay);
    this.state.set({ status: 'disconnected', retryAt: Date.now() + delay });
  }

  #credentials(): Credentials {
    this.#shown = this.#token === this.#spent ? null : this.#token;
    return this.#shown === null ? {} : { token: this.#shown };
  }

  /** The owner of the session is told; until there is a new token the page is a stranger, with public channels. */
  #refusedAtHandshake(): void {
    if (this.#shown === null) {
      this.#lost();
      return;
    }
    this.#spent = this.#shown;
    this.refused.set(true);
    if (this.#wanted) this.#open();
  }

  async #authenticate(): Promise<boolean> {
    const token = this.#token;
    const answer = await this.#request('authenticate', { token });
    const agreed = flag(record(answer)['ok']);
    if (agreed) this.#shown = token;
    // No answer at all is a lost connection, not a refusal.
    this.refused.set(answer !== null && !agreed);
    return agreed;
  }

  /** One request for all channels of the same pace. */
  async #subscribe(channels: Iterable<string>): Promise<void> {
    const groups = new Map<number, string[]>();
    for (const channel of channels) {
      const hz = Math.min(this.#pace(channel), this.#ceiling);
      groups.set(hz, [...(groups.get(hz) ?? []), channel]);
    }
    const requests = [...groups].map(([hz, group]) => this.#request('subscribe', group, ...(hz === FULL ? [] : [{ hz }])));
    await Promise.all(requests);
  }

  async #unsubscribe(): Promise<void> {
    const channels = [...this.#dropped].filter((channel) => !this.#wishes.has(channel));
    this.#dropped.clear();
    if (channels.length > 0) await this.#request('unsubscribe', channels);
  }

  /** The acknowledgement, or null when the connection was lost before it came: it is repeated on reconnection. */
  async #request(event: string, ...payload: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#transport.request(event, ...payload);
    } catch {
      return null;
    }
  }

  /** The fastest that is wished for; 0 when nobody wants the channel. */
  #pace(channel: string): number {
    return Math.max(0, ...(this.#wishes.get(channel) ?? []));
  }

  /** Whether that changes what the page wants of the channel. */
  #release(channel: string, hz: number): boolean {
    const before = this.#pace(channel);
    const wishes = [...(this.#wishes.get(channel) ?? [])];
    const index = wishes.indexOf(hz);
    if (index >= 0) wishes.splice(index, 1);
    if (wishes.length > 0) this.#wishes.set(channel, wishes);
    else this.#wishes.delete(channel);
    return this.#pace(channel) !== before;
  }

  #dispatch(event: string, payload: unknown): void {
    if (event === 'system') this.#heed(record(payload));
    if (this.#knows(event)) this.#topics[event].deliver(payload);
  }

  /** A server that is about to stop spreads its clients over some seconds. */
  #heed(hint: Json): void {
    const delay = hint['kind'] === 'reconnect' ? optionalNumber(hint['delay_ms']) : null;
    if (delay !== null) this.#pause = Math.min(Math.max(0, delay), RECONNECT.cap);
  }

  #knows(event: string): event is EventName {
    return Object.hasOwn(this.#topics, event);
  }
}

/** One kind of event: who wants it, and how it is read. What nobody wants is not read. */
class Topic<T> {
  readonly handlers = new Set<(payload: T) => void>();
  readonly #decode: (payload: unknown) => T;

  constructor(decode: (payload: unknown) => T) {
    this.#decode = decode;
  }

  deliver(payload: unknown): void {
    if (this.handlers.size === 0) return;
    const decoded = this.#decode(payload);
    for (const handler of this.handlers) handler(decoded);
  }
}

export const socketService = new SocketService(createTransport());
