import { fireEvent, render, screen } from '@testing-library/react';
import { type ReactNode } from 'react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ErrorBoundary } from '@/components/errors/error-boundary';

let broken: boolean;

function Widget(): ReactNode {
  if (broken) throw new Error('the wire is cut');
  return <p>all is well</p>;
}

beforeEach(() => {
  broken = true;
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});

describe('ErrorBoundary', () => {
  test('keeps a failure to itself: the neighbour stays', () => {
    render(
      <>
        <ErrorBoundary>
          <Widget />
        </ErrorBoundary>
        <p>neighbour</p>
      </>,
    );

    expect(screen.getByRole('alert').textContent).toContain('the wire is cut');
    expect(screen.getByText('neighbour')).toBeTruthy();
  });

  test('tries again when asked', () => {
    render(
      <ErrorBoundary>
        <Widget />
      </ErrorBoundary>,
    );
    broken = false;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));

    expect(screen.getByText('all is well')).toBeTruthy();
  });

  test('shows the fallback it was given', () => {
    render(
      <ErrorBoundary fallback={<p>closed</p>}>
        <Widget />
      </ErrorBoundary>,
    );

    expect(screen.getByText('closed')).toBeTruthy();
  });
});
