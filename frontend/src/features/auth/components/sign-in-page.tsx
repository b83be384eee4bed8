import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { paths } from '@/config/paths';
import { AuthCard } from '@/features/auth/components/auth-card';
import { CredentialsForm, type FieldSpec } from '@/features/auth/components/credentials-form';
import { session } from '@/lib/session';

const FIELDS: readonly FieldSpec[] = [
  { name: 'email', label: 'E-mail address', type: 'email', autoComplete: 'username', required: true },
  { name: 'password', label: 'Password', type: 'password', autoComplete: 'current-password', required: true },
];

export function SignInPage(): ReactNode {
  const [, navigate] = useLocation();
  const footer = (
    <>
      No account yet? <Link href={paths.register}>Create one</Link>
    </>
  );
  return (
    <AuthCard title="Sign in" intro="Prices are open to all; notifications are yours alone." footer={footer}>
      <CredentialsForm
        fields={FIELDS}
        action="Sign in"
        submit={({ email = '', password = '' }) => session.signIn(email, password)}
        onDone={() => {
          navigate(paths.markets);
        }}
      />
    </AuthCard>
  );
}
