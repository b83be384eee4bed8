/** What the build was told. Read the environment here only. */
export interface Env {
  /** Where errors are reported; absent: nowhere, and no reporting code is built in. */
  readonly sentryDsn: string | undefined;
  readonly mode: string;
  readonly production: boolean;
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export const env: Env = {
  sentryDsn: optional(import.meta.env['VITE_SENTRY_DSN']),
  mode: import.meta.env.MODE,
  production: import.meta.env.PROD,
};
