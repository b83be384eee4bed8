import type { ReactNode } from 'react';
import styles from './facts.module.css';

interface FactsProps {
  readonly items: readonly (readonly [label: string, value: ReactNode])[];
}

/** Named figures side by side. */
export function Facts({ items }: FactsProps): ReactNode {
  return (
    <dl className={styles['facts']}>
      {items.map(([label, value]) => (
        <div key={label}>
          <dt className={styles['label']}>{label}</dt>
          <dd className={styles['value']}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
