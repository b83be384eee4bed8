import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { ApiError } from '@/lib/http';
import styles from './error-panel.module.css';

interface ErrorPanelProps {
  readonly error: Error;
  readonly onRetry: () => void;
}

export function ErrorPanel({ error, onRetry }: ErrorPanelProps): ReactNode {
  const known = error instanceof ApiError;
  return (
    <div className={styles['panel']} role="alert">
      <p className={styles['title']}>{known ? 'This could not be loaded' : 'Something went wrong here'}</p>
      <p className={styles['detail']}>{error.message}</p>
      {known && error.traceId !== '' && <p className={styles['detail']}>Trace {error.traceId}</p>}
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}
