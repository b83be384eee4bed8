import { useId, type ReactNode } from 'react';
import { ErrorBoundary } from '@/components/errors/error-boundary';
import styles from './panel.module.css';

interface PanelProps {
  readonly title: string;
  readonly aside?: ReactNode;
  /** Content runs to the edges, as tables do. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

/** A widget: a titled box whose failure stays inside it. */
export function Panel({ title, aside, flush = false, children }: PanelProps): ReactNode {
  const id = useId();
  return (
    <section className={styles['panel']} aria-labelledby={id}>
      <header className={styles['header']}>
        <h2 id={id} className={styles['title']}>
          {title}
        </h2>
        {aside}
      </header>
      <div className={flush ? undefined : styles['body']}>
        <ErrorBoundary>{children}</ErrorBoundary>
      </div>
    </section>
  );
}
