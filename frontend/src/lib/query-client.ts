import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '@/lib/http';

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30 * 1000,
        retry: 3,
        retryDelay: (attemptIndex) => Math.min(1000 * 2 ** attemptIndex, 30000),
        refetchOnWindowFocus: false,
        refetchOnReconnect: true,
        networkMode: 'online',
      },
      mutations: {
        retry: 2,
        retryDelay: (attemptIndex) => Math.min(500 * 2 ** attemptIndex, 5000),
        networkMode: 'online',
      },
    },
  });
}

/** For questions whose answer may be "no such thing": asking again would only delay saying so. */
export function retryUnlessRefused(failureCount: number, error: Error): boolean {
  const refused = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
  return !refused && failureCount < 3;
}
