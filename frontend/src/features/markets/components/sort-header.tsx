import type { ReactNode } from 'react';
import type { SortKey, Sorting } from '@/features/markets/components/sorting';
import styles from './sort-header.module.css';

interface SortHeaderProps {
  readonly by: SortKey;
  readonly label: string;
  readonly sorting: Sorting;
  readonly onSort: (key: SortKey) => void;
  readonly align?: 'end';
  readonly wide?: boolean;
}

export function SortHeader({ by, label, sorting, onSort, align, wide }: SortHeaderProps): ReactNode {
  const order = sorting.descending ? 'descending' : 'ascending';
  const current = sorting.key === by ? order : undefined;
  return (
    <th scope="col" data-align={align} data-wide={wide} aria-sort={current}>
      <button
        type="button"
        className={styles['sort']}
        data-order={current}
        onClick={() => {
          onSort(by);
        }}
      >
        {label}
      </button>
    </th>
  );
}
