import type { ReactNode } from 'react';
import styles from './skeleton.module.css';

interface SkeletonProps {
  /** Pixels; the space that the content will take, so that nothing jumps when it comes. */
  readonly height: number;
  readonly label?: string;
}

export function Skeleton({ height, label = 'Loading' }: SkeletonProps): ReactNode {
  return (
    <div className={styles['skeleton']} style={{ height }} role="status">
      <span className="visually-hidden">{label}</span>
    </div>
  );
}
