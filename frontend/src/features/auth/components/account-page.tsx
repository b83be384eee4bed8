import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { PageHeader } from '@/components/layouts/page-header';
import { paths } from '@/config/paths';
import { ApiKeysPanel } from '@/features/auth/components/api-keys-panel';
import { NewApiKeyPanel } from '@/features/auth/components/new-api-key-panel';
import { SessionsPanel } from '@/features/auth/components/sessions-panel';
import { session } from '@/lib/session';
import { useObservable } from '@/lib/use-observable';
import styles from './account-page.module.css';

export function AccountPage(): ReactNode {
  const { status, user } = useObservable(session.state);
  return (
    <>
      <PageHeader title="Account" summary={user?.email ?? 'Sessions and API keys.'} />
      {user !== null && (
        <>
          <ApiKeysPanel userId={user.id} />
          <NewApiKeyPanel user={user} />
          <SessionsPanel userId={user.id} />
        </>
      )}
      {status === 'anonymous' && (
        <p className={styles['prompt']}>
          <Link href={paths.signIn}>Sign in</Link> to see your sessions and API keys.
        </p>
      )}
    </>
  );
}
