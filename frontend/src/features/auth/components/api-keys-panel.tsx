import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Badge } from '@/components/ui/badge';
import { ConfirmButton } from '@/components/ui/confirm-button';
import { DataTable } from '@/components/ui/data-table';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { apiKeysQuery, revokeApiKey, type ApiKey } from '@/features/auth/api/api-keys';
import { formatDateTime } from '@/lib/prices/format';
import styles from './account-page.module.css';

const COLUMNS = ['Name', 'Key', 'Tier', 'Created', 'Last used', 'Ends'] as const;

export function ApiKeysPanel({ userId }: { readonly userId: string }): ReactNode {
  const query = useQuery(apiKeysQuery(userId));
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: revokeApiKey,
    onSettled: () => queries.invalidateQueries(apiKeysQuery(userId)),
  });
  return (
    <Panel title="API keys" flush>
      {revoke.isError && (
        <Notice tone="bad" urgent>
          {revoke.error.message}
        </Notice>
      )}
      <QueryView query={query} height={160}>
        {(keys) => <KeyTable keys={keys} onRevoke={revoke.mutate} busy={revoke.isPending} />}
      </QueryView>
    </Panel>
  );
}

interface KeyTableProps {
  readonly keys: readonly ApiKey[];
  readonly onRevoke: (id: string) => void;
  readonly busy: boolean;
}

function KeyTable({ keys, onRevoke, busy }: KeyTableProps): ReactNode {
  if (keys.length === 0) return <p className={styles['none']}>None yet.</p>;
  return (
    <DataTable caption="Your API keys">
      <thead>
        <tr>
          {COLUMNS.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          <th scope="col">
            <span className="visually-hidden">Revoke</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.id} data-testid="api-key">
            <KeyCells apiKey={key} />
            <td data-align="end">
              <ConfirmButton
                label={`Revoke ${key.name}`}
                action="Revoke"
                disabled={busy}
                onConfirm={() => {
                  onRevoke(key.id);
                }}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}

function KeyCells({ apiKey: { name, prefix, scopes, tier, ...key } }: { apiKey: ApiKey }): ReactNode {
  return (
    <>
      <th scope="row">
        {name} {scopes.map((scope) => <Badge key={scope}>{scope}</Badge>)}
      </th>
      <td>
        <code className={styles['code']}>{prefix}_…</code>
      </td>
      <td>{tier}</td>
      <td>{moment(key.createdAt, 'unknown')}</td>
      <td>{moment(key.lastUsedAt, 'never')}</td>
      <td>{key.ended ? <Badge tone="warn">ended</Badge> : moment(key.expiresAt, 'never')}</td>
    </>
  );
}

function moment(at: number | null, otherwise: string): string {
  return at === null ? otherwise : formatDateTime(at);
}
