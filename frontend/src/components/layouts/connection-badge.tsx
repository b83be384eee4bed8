import { useEffect, useState, type ReactNode } from 'react';
import { useConnectionState } from '@/contexts/SocketContext';
import { latencyMeter } from '@/lib/prices/latency';
import { useObservable } from '@/lib/use-observable';
import styles from './connection-badge.module.css';

const LABELS = { connected: 'Live', connecting: 'Connecting…', disconnected: 'Disconnected' } as const;

/** Always visible: whether prices are flowing, how fast they arrive, and when the next attempt comes if not. */
export function ConnectionBadge(): ReactNode {
  const { status, retryAt } = useConnectionState();
  return (
    <div className={styles['connection']} data-testid="connection-state" data-state={status}>
      <span className={styles['dot']} aria-hidden="true" />
      {/* Only the state is announced; figures that change every second are not. */}
      <span role="status">{LABELS[status]}</span>
      {status === 'connected' && <Latency />}
      {retryAt !== null && <Countdown key={retryAt} until={retryAt} />}
    </div>
  );
}

function Latency(): ReactNode {
  const mean = useObservable(latencyMeter.mean);
  if (mean === null) return null;
  return (
    <span className={styles['detail']} title="Mean time from published by the server to painted here">
      {Math.round(mean)} ms
    </span>
  );
}

function Countdown({ until }: { readonly until: number }): ReactNode {
  const [left, setLeft] = useState(() => secondsUntil(until));
  useEffect(() => {
    const timer = setInterval(() => {
      setLeft(secondsUntil(until));
    }, 250);
    return () => {
      clearInterval(timer);
    };
  }, [until]);
  return <span className={styles['detail']}>retry in {left} s</span>;
}

function secondsUntil(time: number): number {
  return Math.max(0, Math.ceil((time - Date.now()) / 1000));
}
