/** Every address of the dashboard, and how to build it. */
export const paths = {
  markets: '/',
  symbol: '/symbols/:symbol',
  system: '/system',
  notifications: '/notifications',
  account: '/account',
  signIn: '/sign-in',
  register: '/register',
} as const;

export function symbolPath(symbol: string): string {
  return `/symbols/${encodeURIComponent(symbol)}`;
}
