import { Component, type ErrorInfo, type ReactNode } from 'react';
import { ErrorPanel } from '@/components/errors/error-panel';
import { reportError } from '@/lib/monitoring';

interface ErrorBoundaryProps {
  readonly children: ReactNode;
  /** Shown instead of the children when they fail; without it, a panel that says so and offers to try again. */
  readonly fallback?: ReactNode;
  /** What "try again" does; without it, the children are rendered again. */
  readonly onRetry?: () => void;
}

interface ErrorBoundaryState {
  readonly error: Error | null;
}

/** Keeps a failure where it happened: the rest of the page goes on. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, ErrorBoundaryState> {
  override state: ErrorBoundaryState = { error: null };

  static getDerivedStateFromError(cause: unknown): ErrorBoundaryState {
    return { error: cause instanceof Error ? cause : new Error(String(cause)) };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    reportError(error, { componentStack: info.componentStack });
  }

  readonly #reset = (): void => {
    this.setState({ error: null });
  };

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return this.props.fallback ?? <ErrorPanel error={error} onRetry={this.props.onRetry ?? this.#reset} />;
  }
}
