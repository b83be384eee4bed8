import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { PageHeader } from '@/components/layouts/page-header';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { paths } from '@/config/paths';
import { NotificationList } from '@/features/notifications/components/notification-list';
import { notificationsQuery, useLiveNotifications } from '@/features/notifications/notifications';
import { session } from '@/lib/session';
import { useObservable } from '@/lib/use-observable';
import styles from './notifications-page.module.css';

export function NotificationsPage(): ReactNode {
  const { status, user } = useObservable(session.state);
  return (
    <>
      <PageHeader title="Notifications" summary="Kept for you in order, also while you are away." />
      {user !== null && <Notifications userId={user.id} />}
      {status === 'anonymous' && (
        <p className={styles['prompt']}>
          <Link href={paths.signIn}>Sign in</Link> to see what you were told.
        </p>
      )}
    </>
  );
}

function Notifications({ userId }: { userId: string }): ReactNode {
  const query = useQuery(notificationsQuery(userId));
  useLiveNotifications(userId);
  return (
    <Panel title="Newest first" flush>
      <QueryView query={query} height={240}>
        {(notifications) => <NotificationList notifications={notifications} />}
      </QueryView>
    </Panel>
  );
}
