import { createContext, use, useEffect, useEffectEvent, type ReactNode } from 'react';
import { synchroniseClock } from '@/lib/server-clock';
import { session } from '@/lib/session';
import { useObservable } from '@/lib/use-observable';
import type { PriceUpdate } from '@/lib/prices/quote';
import type { EventName, ServerEvents } from '@/services/events';
import { socketService, type ConnectionState, type SocketService } from '@/services/socketService';

/** Updates per second for a page in the background: enough to be up to date at a glance. */
const HIDDEN_HZ = 1;

const SocketContext = createContext<SocketService>(socketService);

interface SocketProviderProps {
  readonly children: ReactNode;
  readonly service?: SocketService;
}

/** Keeps the page connected while it is open, as the signed-in user when there is one. */
export function SocketProvider({ children, service = socketService }: SocketProviderProps): ReactNode {
  useConnection(service);
  useAuthentication(service);
  return <SocketContext value={service}>{children}</SocketContext>;
}

function useConnection(service: SocketService): void {
  useEffect(() => {
    service.on('hello', takeServerTime);
    service.connect();
    const retry = (): void => {
      if (!document.hidden) service.retryNow();
    };
    const follow = (): void => {
      service.slowDown(document.hidden ? HIDDEN_HZ : undefined);
      retry();
    };
    follow();
    window.addEventListener('online', retry);
    document.addEventListener('visibilitychange', follow);
    return () => {
      window.removeEventListener('online', retry);
      document.removeEventListener('visibilitychange', follow);
      service.off('hello', takeServerTime);
      service.disconnect();
    };
  }, [service]);
}

function takeServerTime({ serverTime }: ServerEvents['hello']): void {
  if (serverTime !== null) synchroniseClock(serverTime);
}

function useAuthentication(service: SocketService): void {
  const { user, accessToken } = useObservable(session.state);
  const refused = useObservable(service.refused);
  const userId = user?.id;
  useEffect(() => {
    if (userId === undefined) service.forgetUser();
    else if (accessToken !== null) void service.authenticate(userId, accessToken);
  }, [service, userId, accessToken]);
  useEffect(() => {
    if (refused) renewToken();
  }, [refused]);
  useEffect(() => {
    service.on('token_expiring', renewToken);
    service.on('session_ended', renewToken);
    return () => {
      service.off('token_expiring', renewToken);
      service.off('session_ended', renewToken);
    };
  }, [service]);
}

/** A new token is authenticated as soon as it comes; when the session is over, the page learns it here. */
function renewToken(): void {
  void session.refresh();
}

export function useConnectionState(): ConnectionState {
  return useObservable(use(SocketContext).state);
}

/** Calls the handler with every event of this name while the component is mounted. */
export function useSocketEvent<E extends EventName>(event: E, handler: (payload: ServerEvents[E]) => void): void {
  const service = use(SocketContext);
  const handle = useEffectEvent(handler);
  useEffect(() => {
    const listener = (payload: ServerEvents[E]): void => {
      handle(payload);
    };
    service.on(event, listener);
    return () => {
      service.off(event, listener);
    };
  }, [service, event]);
}

/** Keeps a channel subscribed while the component is mounted. */
export function useChannel(channel: string): void {
  const service = use(SocketContext);
  useEffect(() => {
    service.subscribe([channel]);
    return () => {
      service.unsubscribe([channel]);
    };
  }, [service, channel]);
}

/** Calls the handler with every change of prices while the component is mounted. */
export function usePriceUpdates(handler: (data: PriceUpdate) => void): void {
  useChannel('prices');
  useSocketEvent('price_update', handler);
}
