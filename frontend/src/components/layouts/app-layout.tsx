import type { ReactNode } from 'react';
import { AccountMenu } from '@/components/layouts/account-menu';
import { ConnectionBadge } from '@/components/layouts/connection-badge';
import { NavLink, type NavItem } from '@/components/layouts/nav-link';
import { ErrorBoundary } from '@/components/errors/error-boundary';
import { FeedNotices } from '@/components/prices/feed-notices';
import styles from './app-layout.module.css';

interface AppLayoutProps {
  readonly navigation: readonly NavItem[];
  readonly children: ReactNode;
}

export function AppLayout({ navigation, children }: AppLayoutProps): ReactNode {
  return (
    <>
      <a className={styles['skip']} href="#content">
        Skip to content
      </a>
      <header className={styles['header']}>
        <div className={styles['bar']}>
          <Brand />
          <nav className={styles['nav']} aria-label="Main">
            {navigation.map((item) => (
              <NavLink key={item.path} {...item} />
            ))}
          </nav>
          <div className={styles['side']}>
            <ConnectionBadge />
            <ErrorBoundary>
              <AccountMenu />
            </ErrorBoundary>
          </div>
        </div>
      </header>
      <main id="content" className={styles['main']} tabIndex={-1}>
        <ErrorBoundary fallback={null}>
          <FeedNotices />
        </ErrorBoundary>
        {children}
      </main>
    </>
  );
}

function Brand(): ReactNode {
  return (
    <span className={styles['brand']}>
      <img src="/favicon.svg" alt="" width="26" height="26" />
      <span>CryptoVault</span>
    </span>
  );
}
