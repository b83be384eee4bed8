import type { ReactNode } from 'react';
import { Badge } from '@/components/ui/badge';
import { text, type Json } from '@/lib/decode';
import { formatDateTime } from '@/lib/prices/format';
import type { Notification } from '@/services/events';
import styles from './notification-list.module.css';

export function NotificationList({ notifications }: { readonly notifications: readonly Notification[] }): ReactNode {
  if (notifications.length === 0) return <p className={styles['none']}>Nothing yet.</p>;
  return (
    <ul>
      {notifications.toReversed().map((notification) => (
        <li key={notification.id} className={styles['item']}>
          <Badge tone="accent">{notification.kind.replaceAll('_', ' ')}</Badge>
          <span className={styles['text']}>{describe(notification.data)}</span>
          {notification.createdAt !== null && (
            <time className={styles['time']} dateTime={new Date(notification.createdAt).toISOString()}>
              {formatDateTime(notification.createdAt)}
            </time>
          )}
        </li>
      ))}
    </ul>
  );
}

/** The message, or else every figure that came. */
function describe(data: Json): string {
  const message = text(data['message']);
  if (message !== '') return message;
  return Object.entries(data)
    .map(([key, value]) => `${key}: ${text(value) || JSON.stringify(value)}`)
    .join(', ');
}
