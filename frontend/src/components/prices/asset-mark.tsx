import type { ReactNode } from 'react';
import styles from './asset-mark.module.css';

/** A round mark with the asset's initial, in a colour of its own. Decoration: the name stands beside it. */
export function AssetMark({ code, size = 32 }: { readonly code: string; readonly size?: number }): ReactNode {
  return (
    <span
      className={styles['mark']}
      style={{ filter: `hue-rotate(${hueOf(code)}deg)`, width: size, height: size, fontSize: size * 0.4 }}
      aria-hidden="true"
    >
      {code.slice(0, 1)}
    </span>
  );
}

function hueOf(code: string): number {
  let hash = 0;
  for (const letter of code) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return (hash * 137) % 360;
}
