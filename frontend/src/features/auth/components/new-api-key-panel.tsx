import { useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { Secret } from '@/components/ui/secret';
import { Segmented } from '@/components/ui/segmented';
import { apiKeysQuery, createApiKey } from '@/features/auth/api/api-keys';
import { CredentialsForm, type FieldSpec } from '@/features/auth/components/credentials-form';
import type { User } from '@/lib/session';
import styles from './account-page.module.css';

const FIELDS: readonly FieldSpec[] = [
  { name: 'name', label: 'Name', type: 'text', autoComplete: 'off', hint: 'What the key is for.', required: true },
];

const LIVES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: '', label: 'No end' },
] as const;
type Life = (typeof LIVES)[number]['value'];

const ADMIN = 'admin';

export function NewApiKeyPanel({ user }: { readonly user: User }): ReactNode {
  const queries = useQueryClient();
  const [life, setLife] = useState<Life>('90');
  const [asAdmin, setAsAdmin] = useState(false);
  // Kept here only: not in a cache, and gone with the page.
  const [created, setCreated] = useState('');
  const create = async (name: string): Promise<void> => {
    const scopes = asAdmin ? [ADMIN] : [];
    setCreated(await createApiKey({ name, scopes, days: life === '' ? null : Number(life) }));
    await queries.invalidateQueries(apiKeysQuery(user.id));
  };
  return (
    <Panel title="New API key">
      <div className={styles['form']}>
        <p className={styles['quiet']}>
          For programs: sent in the header <code className={styles['code']}>X-API-Key</code>, it acts as you, but cannot
          touch your password, sessions or keys.
        </p>
        {created !== '' && (
          <Notice tone="warn" urgent>
            <strong>Copy the key now: it is not shown again.</strong>
            <Secret key={created} label="The new API key" value={created} />
          </Notice>
        )}
        <CredentialsForm
          key={created}
          fields={FIELDS}
          action="Create key"
          submit={({ name = '' }) => create(name)}
          onDone={() => {
            setAsAdmin(false);
          }}
        >
          <div className={styles['choice']}>
            Ends after <Segmented label="Ends after" options={LIVES} value={life} onChange={setLife} />
          </div>
          {user.scopes.includes(ADMIN) && <AdminChoice chosen={asAdmin} onChoose={setAsAdmin} />}
        </CredentialsForm>
      </div>
    </Panel>
  );
}

function AdminChoice({ chosen, onChoose }: { chosen: boolean; onChoose: (chosen: boolean) => void }): ReactNode {
  return (
    <label className={styles['choice']}>
      <input
        type="checkbox"
        checked={chosen}
        onChange={(event) => {
          onChoose(event.currentTarget.checked);
        }}
      />
      May do what an administrator may
    </label>
  );
}
