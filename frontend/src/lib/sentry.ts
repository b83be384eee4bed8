import { browserTracingIntegration, captureException, init, replayIntegration } from '@sentry/react';

type Report = (error: unknown, context: Readonly<Record<string, unknown>>) => void;

/** Starts Sentry: tracing, and replays of one session in ten. */
export function start(dsn: string, environment: string, production: boolean): Report {
  init({
    dsn,
    environment,
    // The compression worker would be a `blob:` script, which the Content-Security-Policy refuses.
    integrations: [browserTracingIntegration(), replayIntegration({ useCompression: false })],
    tracesSampleRate: production ? 0.1 : 1.0,
    replaysSessionSampleRate: 0.1,
  });
  return (error, context) => {
    captureException(error, { extra: { ...context } });
  };
}
