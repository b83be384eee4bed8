import { queryOptions, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useChannel, useConnectionState, useSocketEvent } from '@/contexts/SocketContext';
import { request } from '@/lib/api-client';
import { list, record } from '@/lib/decode';
import { decodeNotification, type Notification } from '@/services/events';

const PAGE = 200;

/** Everything the user was told, oldest first. */
export const notificationsQuery = (userId: string) =>
  queryOptions({
    queryKey: ['notifications', userId],
    queryFn: async ({ signal }): Promise<readonly Notification[]> => {
      let known: readonly Notification[] = [];
      for (;;) {
        const page = await fetchAfter(known.at(-1)?.id ?? 0, signal);
        known = [...known, ...page];
        if (page.length < PAGE) return known;
      }
    },
  });

async function fetchAfter(id: number, signal: AbortSignal): Promise<readonly Notification[]> {
  const answer = await request(`/api/notifications?after=${id}&limit=${PAGE}`, { signal });
  return list(record(answer)['notifications'], decodeNotification);
}

/** Adds what arrives live, and asks for what was missed whenever the connection comes back. */
export function useLiveNotifications(userId: string): void {
  const queries = useQueryClient();
  const { status } = useConnectionState();
  useChannel('notifications');
  useSocketEvent('notification', (notification) => {
    queries.setQueryData(notificationsQuery(userId).queryKey, (known) => known && merge(known, notification));
  });
  useEffect(() => {
    if (status === 'connected') void queries.invalidateQueries({ queryKey: ['notifications', userId] });
  }, [queries, status, userId]);
}

function merge(known: readonly Notification[], added: Notification): readonly Notification[] {
  return known.some(({ id }) => id === added.id) ? known : [...known, added].toSorted((a, b) => a.id - b.id);
}
