import type { ReactNode } from 'react';
import { formatChange } from '@/lib/prices/format';
import styles from './change.module.css';

/** A change in percent: sign and arrow say the direction, colour only repeats it. */
export function Change({ percent }: { readonly percent: string }): ReactNode {
  const value = Number(percent);
  const direction = value > 0 ? 'up' : value < 0 ? 'down' : 'same';
  const arrow = { up: '▲', down: '▼', same: '' }[direction];
  return (
    <span className={styles['change']} data-direction={direction}>
      {arrow !== '' && (
        <span className={styles['arrow']} aria-hidden="true">
          {arrow}
        </span>
      )}
      {formatChange(percent)}
    </span>
  );
}
