import type { ComponentProps, ReactNode } from 'react';
import styles from './data-table.module.css';

interface DataTableProps extends ComponentProps<'table'> {
  /** What the table shows, for those who cannot see it. */
  readonly caption: string;
}

export function DataTable({ caption, children, ...rest }: DataTableProps): ReactNode {
  return (
    <div className={styles['scroll']} role="region" aria-label={caption} tabIndex={0}>
      <table {...rest} className={styles['table']}>
        <caption className="visually-hidden">{caption}</caption>
        {children}
      </table>
    </div>
  );
}
