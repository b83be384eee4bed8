import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Button } from '@/components/ui/button';
import { paths } from '@/config/paths';
import { session } from '@/lib/session';
import { useObservable } from '@/lib/use-observable';
import styles from './account-menu.module.css';

export function AccountMenu(): ReactNode {
  const { status, user } = useObservable(session.state);
  const signOut = useMutation({ mutationFn: () => session.signOut(), retry: false });
  if (status === 'restoring') return <span className={styles['name']}>Signing in…</span>;
  if (user === null) {
    return (
      <Link href={paths.signIn} className={styles['signIn']}>
        Sign in
      </Link>
    );
  }
  return (
    <span className={styles['account']}>
      <span className={styles['name']} title={user.email}>
        {user.displayName}
      </span>
      <Button
        onClick={() => {
          signOut.mutate();
        }}
      >
        Sign out
      </Button>
    </span>
  );
}
