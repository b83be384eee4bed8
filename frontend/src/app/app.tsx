import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect, type ReactNode } from 'react';
import { PriceFeed } from '@/app/price-feed';
import { Router } from '@/app/router';
import { ErrorBoundary } from '@/components/errors/error-boundary';
import { SocketProvider } from '@/contexts/SocketContext';
import { createQueryClient } from '@/lib/query-client';
import { session } from '@/lib/session';

const queryClient = createQueryClient();

export function App(): ReactNode {
  useEffect(() => {
    void session.restore();
  }, []);
  return (
    <ErrorBoundary>
      <QueryClientProvider client={queryClient}>
        <SocketProvider>
          <ErrorBoundary fallback={null}>
            <PriceFeed />
          </ErrorBoundary>
          <Router />
        </SocketProvider>
      </QueryClientProvider>
    </ErrorBoundary>
  );
}
