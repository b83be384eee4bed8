import type { ReactNode } from 'react';
import styles from './page-header.module.css';

interface PageHeaderProps {
  readonly title: string;
  readonly summary?: ReactNode;
  readonly children?: ReactNode;
}

/** A page's title, in the page and in the browser's tab, with the page's controls beside it. */
export function PageHeader({ title, summary, children }: PageHeaderProps): ReactNode {
  return (
    <div className={styles['header']}>
      <title>{`${title} · CryptoVault`}</title>
      <div>
        <h1 className={styles['title']}>{title}</h1>
        {summary !== undefined && <p className={styles['summary']}>{summary}</p>}
      </div>
      {children !== undefined && <div className={styles['tools']}>{children}</div>}
    </div>
  );
}
