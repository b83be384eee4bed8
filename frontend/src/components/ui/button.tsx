import type { ComponentProps, ReactNode } from 'react';
import styles from './button.module.css';

interface ButtonProps extends ComponentProps<'button'> {
  readonly look?: 'primary' | 'quiet' | 'danger';
}

export function Button({ look = 'quiet', type = 'button', ...rest }: ButtonProps): ReactNode {
  return <button {...rest} type={type} className={styles['button']} data-look={look} />;
}
