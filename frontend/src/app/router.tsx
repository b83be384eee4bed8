import { lazy, Suspense, useEffect, useRef, type ComponentType, type ReactNode } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { ErrorBoundary } from '@/components/errors/error-boundary';
import { AppLayout } from '@/components/layouts/app-layout';
import { Skeleton } from '@/components/ui/skeleton';
import { paths } from '@/config/paths';

type Load = () => Promise<{ default: ComponentType }>;

/** Every page is fetched when it is first opened, or pointed at. */
const load = {
  markets: () => import('@/app/routes/markets'),
  symbol: () => import('@/app/routes/symbol'),
  system: () => import('@/app/routes/system'),
  notifications: () => import('@/app/routes/notifications'),
  account: () => import('@/app/routes/account'),
  signIn: () => import('@/app/routes/sign-in'),
  register: () => import('@/app/routes/register'),
  notFound: () => import('@/app/routes/not-found'),
} as const satisfies Record<string, Load>;

const ROUTES: readonly { path?: string; Page: ComponentType }[] = [
  { path: paths.markets, Page: lazy(load.markets) },
  { path: paths.symbol, Page: lazy(load.symbol) },
  { path: paths.system, Page: lazy(load.system) },
  { path: paths.notifications, Page: lazy(load.notifications) },
  { path: paths.account, Page: lazy(load.account) },
  { path: paths.signIn, Page: lazy(load.signIn) },
  { path: paths.register, Page: lazy(load.register) },
  { Page: lazy(load.notFound) },
];

const NAVIGATION = [
  { path: paths.markets, label: 'Markets', preload: load.markets },
  { path: paths.notifications, label: 'Notifications', preload: load.notifications },
  { path: paths.account, label: 'Account', preload: load.account },
  { path: paths.system, label: 'System', preload: load.system },
];

export function Router(): ReactNode {
  useFocusOnNavigation();
  return (
    <AppLayout navigation={NAVIGATION}>
      <Switch>
        {ROUTES.map(({ path, Page }) => (
          <Route key={path ?? '*'} {...(path === undefined ? {} : { path })}>
            <Guarded Page={Page} />
          </Route>
        ))}
      </Switch>
    </AppLayout>
  );
}

/** A page that fails, or cannot be fetched because a new version was deployed, is replaced by an offer to reload. */
function Guarded({ Page }: { Page: ComponentType }): ReactNode {
  return (
    <ErrorBoundary onRetry={reload}>
      <Suspense fallback={<Skeleton height={560} label="Loading page" />}>
        <Page />
      </Suspense>
    </ErrorBoundary>
  );
}

function reload(): void {
  window.location.reload();
}

/** A new page starts at its top, for the keyboard and the screen reader too. */
function useFocusOnNavigation(): void {
  const [location] = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    document.getElementById('content')?.focus({ preventScroll: true });
  }, [location]);
}
