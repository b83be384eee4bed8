import { io } from 'socket.io-client';

/** A token, or nothing for a stranger. */
export interface Credentials {
  readonly token?: string;
}

/** What the socket service needs of a connection. */
export interface Transport {
  readonly connected: boolean;
  connect(): void;
  disconnect(): void;
  /** Every event of the server, by name. */
  onEvent(handler: (event: string, payload: unknown) => void): void;
  /** Whom the connection is to speak for: asked at each handshake, so that it is always the newest token. */
  onHandshake(credentials: () => Credentials): void;
  onConnect(handler: () => void): void;
  /** The server does not want these credentials. */
  onRefused(handler: (reason: string) => void): void;
  /** The connection ended, or could not be made. */
  onLost(handler: (reason: string) => void): void;
  /** Sends an event with its arguments and resolves with its acknowledgement; rejects when none comes in time. */
  request(event: string, ...payload: readonly unknown[]): Promise<unknown>;
}

const TIMEOUT_MS = 4000;

/**
 * Socket.IO on the page's own origin. Its own reconnection is off: the service above does it, to be able to say when
 * the next attempt comes.
 */
export function createTransport(): Transport {
  let credentials = (): Credentials => ({});
  const socket = io({
    auth: (send) => { send(credentials()); },
    path: '/socket.io/',
    autoConnect: false,
    reconnection: false,
    timeout: TIMEOUT_MS,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
  });
  return {
    get connected() {
      return socket.connected;
    },
    connect: () => void socket.connect(),
    disconnect: () => void socket.disconnect(),
    onEvent: (handler) => void socket.onAny((event: string, payload: unknown) => { handler(event, payload); }),
    onHandshake: (provide) => { credentials = provide; },
    onConnect: (handler) => void socket.on('connect', handler),
    // A socket that the server refused is no longer active; one whose connection failed is.
    onRefused: (handler) => void socket.on('connect_error', (error) => { if (!socket.active) handler(error.message); }),
    onLost: (handler) => {
      socket.on('disconnect', handler);
      socket.on('connect_error', (error) => { if (socket.active) handler(error.message); });
    },
    request: (event, ...payload) => socket.timeout(TIMEOUT_MS).emitWithAck(event, ...payload) as Promise<unknown>,
  };
}

