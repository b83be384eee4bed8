import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { useConnectionState, usePriceUpdates } from '@/contexts/SocketContext';
import { latencyMeter } from '@/lib/prices/latency';
import { pacer, priceStore, startClock } from '@/lib/prices/live';
import { pricesQuery } from '@/lib/prices/queries';
import { refineClock, serverNow } from '@/lib/server-clock';

/** REST adds what the stream leaves out, such as volume; when the stream is away, it takes its place. */
const REFRESH_MS = 30_000;
const SUBSTITUTE_MS = 5000;

/** Fills the price store, from the stream and from REST, while the page is open. Shows nothing. */
export function PriceFeed(): null {
  useEffect(startClock, []);
  const connected = useConnectionState().status === 'connected';
  const { data, refetch, dataUpdatedAt } = useQuery({ ...pricesQuery, refetchInterval: connected ? REFRESH_MS : SUBSTITUTE_MS });
  const listed = useMemo(() => new Set(data?.map(({ symbol }) => symbol)), [data]);
  useEffect(() => {
    if (data) priceStore.apply(data);
  }, [data]);
  usePriceUpdates(({ prices, publishedAt, sentAt }) => {
    if (sentAt !== null) refineClock(sentAt);
    priceStore.apply(Object.values(prices));
    const isNew = Object.keys(prices).some((symbol) => !listed.has(symbol));
    if (isNew && Date.now() - dataUpdatedAt > SUBSTITUTE_MS) void refetch({ cancelRefetch: false });
    if (publishedAt !== null && pacer.pace.get() === 'live' && !document.hidden) measure(publishedAt);
  });
  return null;
}

/** Measured after the frame in which the prices were painted was prepared. */
function measure(publishedAt: number): void {
  requestAnimationFrame(() => {
    latencyMeter.record(serverNow() - publishedAt);
  });
}
