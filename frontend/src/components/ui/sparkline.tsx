import { memo, type ReactNode } from 'react';
import styles from './sparkline.module.css';

const WIDTH = 112;
const HEIGHT = 32;
const PAD = 2;

interface SparklineProps {
  readonly values: readonly number[];
  /** What the line says, in words. */
  readonly label: string;
}

/** A small line without axes. Nothing is drawn from fewer than two values. */
export const Sparkline = memo(function Sparkline({ values, label }: SparklineProps): ReactNode {
  const first = values[0];
  const last = values.at(-1);
  if (first === undefined || last === undefined || values.length < 2) return <div className={styles['empty']} />;
  const trend = last > first ? 'up' : last < first ? 'down' : 'flat';
  const line = linePath(values);
  return (
    <svg className={styles['spark']} data-trend={trend} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <path className={styles['area']} d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
      <path className={styles['line']} d={line} />
    </svg>
  );
});

export function linePath(values: readonly number[]): string {
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, index) => {
      const share = range === 0 ? 0.5 : (value - low) / range;
      const y = HEIGHT - PAD - share * (HEIGHT - 2 * PAD);
      return `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
