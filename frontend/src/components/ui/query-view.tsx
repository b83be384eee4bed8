import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorPanel } from '@/components/errors/error-panel';
import { Skeleton } from '@/components/ui/skeleton';

interface QueryViewProps<T> {
  readonly query: UseQueryResult<T>;
  /** Height of the space kept while the answer is awaited, in pixels. */
  readonly height: number;
  readonly children: (data: T) => ReactNode;
}

/** Waiting, failed, or the answer; an old answer is kept on the screen while a newer one cannot be had. */
export function QueryView<T>({ query, height, children }: QueryViewProps<T>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <ErrorPanel error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton height={height} />;
}
