import type { ReactNode } from 'react';
import { Link, useRoute } from 'wouter';
import styles from './nav-link.module.css';

export interface NavItem {
  readonly path: string;
  readonly label: string;
  /** Fetches the page's code before it is needed. */
  readonly preload: () => Promise<unknown>;
}

export function NavLink({ path, label, preload }: NavItem): ReactNode {
  const [active] = useRoute(path);
  const prefetch = (): void => {
    // A failure shows when the page is really opened.
    preload().catch(() => undefined);
  };
  return (
    <Link
      href={path}
      className={styles['link']}
      aria-current={active ? 'page' : undefined}
      onPointerEnter={prefetch}
      onFocus={prefetch}
    >
      {label}
    </Link>
  );
}
