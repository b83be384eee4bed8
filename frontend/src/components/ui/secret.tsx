import { useRef, useState, type ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import styles from './secret.module.css';

interface SecretProps {
  readonly label: string;
  readonly value: string;
}

/** A text to take away: selected when touched, copied by a button. */
export function Secret({ label, value }: SecretProps): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState('Copy');
  const copy = async (): Promise<void> => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      setSaid('Copied');
    } catch {
      setSaid('Press Ctrl+C'); // no clipboard without TLS: the text is selected
    }
  };
  return (
    <div className={styles['secret']}>
      <input
        ref={field}
        className={styles['text']}
        aria-label={label}
        value={value}
        readOnly
        spellCheck={false}
        autoComplete="off"
        onFocus={(event) => {
          event.currentTarget.select();
        }}
      />
      <Button onClick={() => void copy()}>
        <span aria-live="polite">{said}</span>
      </Button>
    </div>
  );
}
