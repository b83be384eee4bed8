import type { ReactNode } from 'react';
import styles from './auth-card.module.css';

interface AuthCardProps {
  readonly title: string;
  readonly intro: string;
  readonly children: ReactNode;
  readonly footer: ReactNode;
}

export function AuthCard({ title, intro, children, footer }: AuthCardProps): ReactNode {
  return (
    <div className={styles['card']}>
      <title>{`${title} · CryptoVault`}</title>
      <div>
        <h1 className={styles['title']}>{title}</h1>
        <p className={styles['quiet']}>{intro}</p>
      </div>
      {children}
      <p className={styles['quiet']}>{footer}</p>
    </div>
  );
}
