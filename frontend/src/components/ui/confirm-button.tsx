import { useState, type ReactNode } from 'react';
import { Button } from '@/components/ui/button';

interface ConfirmButtonProps {
  /** What it does, also for those who cannot see beside what it stands. */
  readonly label: string;
  readonly action: string;
  readonly disabled?: boolean;
  readonly onConfirm: () => void;
}

/** A button for what cannot be undone: the first press asks, the second acts; leaving it takes the question back. */
export function ConfirmButton({ label, action, disabled = false, onConfirm }: ConfirmButtonProps): ReactNode {
  const [asking, setAsking] = useState(false);
  const press = (): void => {
    if (asking) onConfirm();
    setAsking(!asking);
  };
  const takeBack = (): void => {
    setAsking(false);
  };
  return (
    <Button
      look={asking ? 'danger' : 'quiet'}
      disabled={disabled}
      aria-label={asking ? `Really ${label.toLowerCase()}?` : label}
      onClick={press}
      onBlur={takeBack}
    >
      {asking ? 'Sure?' : action}
    </Button>
  );
}
