import { useMutation } from '@tanstack/react-query';
import type { SubmitEvent, ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Notice } from '@/components/ui/notice';
import { ApiError } from '@/lib/http';
import styles from './credentials-form.module.css';

export interface FieldSpec {
  readonly name: string;
  readonly label: string;
  readonly type: 'email' | 'password' | 'text';
  readonly autoComplete: string;
  readonly hint?: string;
  readonly required: boolean;
}

interface CredentialsFormProps {
  readonly fields: readonly FieldSpec[];
  readonly action: string;
  /** Called with the values by field name; what it throws is shown, at the fields it names. */
  readonly submit: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly onDone: () => void;
  /** Further choices, between the fields and the button. */
  readonly children?: ReactNode;
}

export function CredentialsForm({ fields, action, submit, onDone, children }: CredentialsFormProps): ReactNode {
  // Not repeated by itself: a second attempt at signing in is the user's to make.
  const mutation = useMutation({
    mutationFn: (values: Readonly<Record<string, string>>) => submit(values),
    onSuccess: onDone,
    retry: false,
  });
  const problems = problemsByField(mutation.error);
  const onSubmit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    mutation.mutate(valuesOf(event.currentTarget, fields));
  };
  return (
    <form className={styles['form']} onSubmit={onSubmit} noValidate>
      {mutation.error && <Summary error={mutation.error} shown={fields.map(({ name }) => name)} />}
      {fields.map((field) => (
        <Field key={field.name} {...field} problem={problems.get(field.name)} />
      ))}
      {children}
      <Button type="submit" look="primary" disabled={mutation.isPending}>
        {mutation.isPending ? 'One moment…' : action}
      </Button>
    </form>
  );
}

/** What went wrong, without repeating what the fields say themselves. */
function Summary({ error, shown }: { error: Error; shown: readonly string[] }): ReactNode {
  const fields = error instanceof ApiError ? error.fields : [];
  const atFields = fields.length > 0 && fields.every(({ field }) => shown.includes(field));
  return (
    <Notice tone="bad" urgent>
      {atFields ? 'Please correct what is marked below.' : error.message}
    </Notice>
  );
}

function problemsByField(error: Error | null): ReadonlyMap<string, string> {
  if (!(error instanceof ApiError)) return new Map();
  return new Map(error.fields.map(({ field, message }) => [field, message]));
}

function valuesOf(form: HTMLFormElement, fields: readonly FieldSpec[]): Readonly<Record<string, string>> {
  const data = new FormData(form);
  return Object.fromEntries(fields.map(({ name }) => [name, asText(data.get(name))]));
}

function asText(value: FormDataEntryValue | null): string {
  return typeof value === 'string' ? value : '';
}
