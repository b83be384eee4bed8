import { useEffect, useRef, type ReactNode } from 'react';
import styles from './search-field.module.css';

interface SearchFieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Filters the table; "/" jumps here from anywhere on the page that is not a text field. */
export function SearchField({ value, onChange }: SearchFieldProps): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener('keydown', focus);
    return () => {
      document.removeEventListener('keydown', focus);
    };
  }, []);
  return (
    <div className={styles['search']}>
      <input
        ref={field}
        type="search"
        aria-label="Search markets"
        aria-keyshortcuts="/"
        placeholder="Search markets"
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}
