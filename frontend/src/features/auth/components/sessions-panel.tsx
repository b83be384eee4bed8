import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Badge } from '@/components/ui/badge';
import { ConfirmButton } from '@/components/ui/confirm-button';
import { DataTable } from '@/components/ui/data-table';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { QueryView } from '@/components/ui/query-view';
import { endSession, sessionsQuery, type DeviceSession } from '@/features/auth/api/sessions';
import { formatDateTime, NOTHING } from '@/lib/prices/format';

const COLUMNS = ['Device', 'Address', 'Signed in', 'Last seen'] as const;

export function SessionsPanel({ userId }: { readonly userId: string }): ReactNode {
  const query = useQuery(sessionsQuery(userId));
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: endSession,
    onSettled: () => queries.invalidateQueries(sessionsQuery(userId)),
  });
  return (
    <Panel title="Sessions" flush>
      {end.isError && (
        <Notice tone="bad" urgent>
          {end.error.message}
        </Notice>
      )}
      <QueryView query={query} height={160}>
        {(sessions) => <SessionTable sessions={sessions} onEnd={end.mutate} busy={end.isPending} />}
      </QueryView>
    </Panel>
  );
}

interface SessionTableProps {
  readonly sessions: readonly DeviceSession[];
  readonly onEnd: (id: string) => void;
  readonly busy: boolean;
}

function SessionTable({ sessions, onEnd, busy }: SessionTableProps): ReactNode {
  return (
    <DataTable caption="Where you are signed in">
      <thead>
        <tr>
          {COLUMNS.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          <th scope="col">
            <span className="visually-hidden">End</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map(({ id, device, ip, createdAt, lastSeenAt, current }) => (
          <tr key={id} data-testid="session">
            <th scope="row">{device}</th>
            <td>{ip}</td>
            <td>{createdAt === null ? NOTHING : formatDateTime(createdAt)}</td>
            <td>{lastSeenAt === null ? NOTHING : formatDateTime(lastSeenAt)}</td>
            <td data-align="end">
              {current ? (
                <Badge tone="accent">this one</Badge>
              ) : (
                <ConfirmButton
                  label={`End the session on ${device}`}
                  action="End"
                  disabled={busy}
                  onConfirm={() => {
                    onEnd(id);
                  }}
                />
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </DataTable>
  );
}
