import type { ReactNode } from 'react';
import { PageHeader } from '@/components/layouts/page-header';
import { CachePanel } from '@/features/system/components/cache-panel';
import { HealthPanel } from '@/features/system/components/health-panel';
import { SocketsPanel } from '@/features/system/components/sockets-panel';
import { VenuesPanel } from '@/features/system/components/venues-panel';
import styles from './system-page.module.css';

export function SystemPage(): ReactNode {
  return (
    <>
      <PageHeader title="System" summary="What every part says about itself, asked anew every five seconds." />
      <HealthPanel />
      <VenuesPanel />
      <div className={styles['pair']}>
        <CachePanel />
        <SocketsPanel />
      </div>
    </>
  );
}
