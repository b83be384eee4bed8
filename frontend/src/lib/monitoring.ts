import { env } from '@/config/env';

type Reporter = (error: unknown, context: Readonly<Record<string, unknown>>) => void;

let reporter: Reporter | null = null;

/** Reports an error when reporting is set up; otherwise does nothing. */
export function reportError(error: unknown, context: Readonly<Record<string, unknown>> = {}): void {
  reporter?.(error, context);
}

/** Loads Sentry after the first paint, and only where a DSN was given at build time. */
export async function startMonitoring(): Promise<void> {
  if (env.sentryDsn === undefined) return;
  const Sentry = await import('@/lib/sentry');
  reporter = Sentry.start(env.sentryDsn, env.mode, env.production);
}
