import type { ReactNode } from 'react';
import styles from './notice.module.css';

interface NoticeProps {
  readonly tone: 'info' | 'warn' | 'bad';
  /** Announced as soon as it appears. */
  readonly urgent?: boolean;
  readonly children: ReactNode;
}

export function Notice({ tone, urgent = false, children }: NoticeProps): ReactNode {
  return (
    <div className={styles['notice']} data-tone={tone} role={urgent ? 'alert' : undefined}>
      {children}
    </div>
  );
}
