import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { paths } from '@/config/paths';
import { AuthCard } from '@/features/auth/components/auth-card';
import { CredentialsForm, type FieldSpec } from '@/features/auth/components/credentials-form';
import { session } from '@/lib/session';

const FIELDS: readonly FieldSpec[] = [
  { name: 'email', label: 'E-mail address', type: 'email', autoComplete: 'username', required: true },
  { name: 'display_name', label: 'Name to show (optional)', type: 'text', autoComplete: 'nickname', required: false },
  {
    name: 'password',
    label: 'Password',
    type: 'password',
    autoComplete: 'new-password',
    hint: '15 characters or more. A few random words are easy to remember; a password manager is easier still.',
    required: true,
  },
];

export function RegisterPage(): ReactNode {
  const [, navigate] = useLocation();
  const footer = (
    <>
      Have an account? <Link href={paths.signIn}>Sign in</Link>
    </>
  );
  return (
    <AuthCard title="Create an account" intro="For notifications that wait for you while you are away." footer={footer}>
      <CredentialsForm
        fields={FIELDS}
        action="Create account"
        submit={({ email = '', password = '', display_name = '' }) => session.register(email, password, display_name)}
        onDone={() => {
          navigate(paths.markets);
        }}
      />
    </AuthCard>
  );
}
