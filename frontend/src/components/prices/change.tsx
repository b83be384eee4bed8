import type { ReactNode } from 'react';
import { changeDirection, formatChange } from '@/lib/prices/format';
import styles from './change.module.css';

/** A change in percent: sign and arrow say the direction, colour only repeats it. */
export function Change({ percent }: { readonly percent: string }): ReactNode {
  const direction = changeDirection(percent);
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
