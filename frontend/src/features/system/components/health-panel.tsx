import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Badge, type Tone } from '@/components/ui/badge';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { healthQuery, type ComponentHealth } from '@/features/system/api/system';
import { formatMs } from '@/lib/prices/format';
import styles from './health-panel.module.css';

export function HealthPanel(): ReactNode {
  const query = useQuery(healthQuery);
  const lost = query.isError && query.data !== undefined;
  const status = lost ? 'unreachable' : query.data?.status;
  return (
    <Panel title="Health" aside={status !== undefined && <StatusBadge status={status} />}>
      <QueryView query={query} height={150}>
        {({ components }) => (
          <ul className={styles['grid']}>
            {Object.entries(components).map(([name, component]) => (
              <Part key={name} name={name} component={component} />
            ))}
          </ul>
        )}
      </QueryView>
    </Panel>
  );
}

function Part({ name, component }: { name: string; component: ComponentHealth }): ReactNode {
  return (
    <li className={styles['part']}>
      <span className={styles['name']}>{name}</span>
      <StatusBadge status={component.status} />
      <span className={styles['detail']}>
        {component.detail || (component.latencyMs === null ? '' : `answers in ${formatMs(component.latencyMs)}`)}
      </span>
    </li>
  );
}

function StatusBadge({ status }: { status: string }): ReactNode {
  const tones: Readonly<Record<string, Tone>> = { ok: 'good', degraded: 'warn', down: 'bad', unreachable: 'bad' };
  return <Badge tone={tones[status] ?? 'neutral'}>{status}</Badge>;
}
