import type { ReactNode } from 'react';
import { formatAge, formatClock } from '@/lib/prices/format';
import { usePace, usePacedNow } from '@/lib/prices/hooks';
import type { Tick } from '@/lib/prices/quote';
import { isStale } from '@/lib/prices/staleness';
import styles from './age.module.css';

/** How old a price is. While paused its time is shown instead, which stays true without moving. */
export function Age({ tick }: { readonly tick: Pick<Tick, 'at' | 'quality'> }): ReactNode {
  const now = usePacedNow();
  const paused = usePace() === 'paused';
  return (
    <span className={styles['age']} data-stale={isStale(tick, now)}>
      {paused ? formatClock(tick.at) : formatAge(now - tick.at)}
    </span>
  );
}
