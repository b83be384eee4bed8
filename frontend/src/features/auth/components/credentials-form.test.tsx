import { QueryClientProvider } from '@tanstack/react-query';
import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { CredentialsForm, type FieldSpec } from '@/features/auth/components/credentials-form';
import { ApiError } from '@/lib/http';
import { createQueryClient } from '@/lib/query-client';

const FIELDS: readonly FieldSpec[] = [
  { name: 'email', label: 'E-mail address', type: 'email', autoComplete: 'username', required: true },
  { name: 'password', label: 'Password', type: 'password', autoComplete: 'new-password', required: true },
];

function show(submit: () => Promise<void>, onDone = (): void => undefined): void {
  render(
    <QueryClientProvider client={createQueryClient()}>
      <CredentialsForm fields={FIELDS} action="Create account" submit={submit} onDone={onDone} />
    </QueryClientProvider>,
  );
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'short' } });
  fireEvent.click(screen.getByRole('button', { name: 'Create account' }));
}

test('a problem with a field is shown at that field, once', async () => {
  const submit = vi.fn(() =>
    Promise.reject(new ApiError(400, 'Not valid.', [{ field: 'password', message: 'must have 15 characters' }])),
  );
  show(submit);

  const note = await screen.findByText('must have 15 characters');
  const field = screen.getByLabelText('Password');
  expect(field.getAttribute('aria-invalid')).toBe('true');
  expect(field.getAttribute('aria-describedby')).toBe(note.id);
  expect(submit).toHaveBeenCalledTimes(1);
});

test('what was typed is handed on by field name', async () => {
  const submit = vi.fn(() => Promise.resolve());
  const onDone = vi.fn();
  show(submit, onDone);

  await waitFor(() => { expect(onDone).toHaveBeenCalled(); });
  expect(submit.mock.calls[0]).toMatchObject([{ email: '', password: 'short' }]);
});
