import { queryOptions } from '@tanstack/react-query';
import { request } from '@/lib/api-client';
import { list, record } from '@/lib/decode';
import { decodeCandles, type Interval } from '@/lib/prices/candle';
import { decodePrice } from '@/lib/prices/quote';
import { retryUnlessRefused } from '@/lib/query-client';

// The return types are TanStack Query's own inference: spelling them out would only repeat its internals.

export const pricesQuery = queryOptions({
  queryKey: ['prices'],
  queryFn: async ({ signal }) => list(record(await request('/api/prices', { signal }))['prices'], decodePrice),
});

export const priceQuery = (symbol: string) =>
  queryOptions({
    queryKey: ['prices', symbol],
    queryFn: async ({ signal }) => decodePrice(await request(`/api/prices/${encodeURIComponent(symbol)}`, { signal })),
    retry: retryUnlessRefused,
  });

export const candlesQuery = (symbol: string, interval: Interval, limit: number) =>
  queryOptions({
    queryKey: ['candles', symbol, interval, limit],
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({ interval, limit: String(limit) });
      const path = `/api/prices/${encodeURIComponent(symbol)}/candles?${query.toString()}`;
      return decodeCandles(await request(path, { signal }));
    },
    retry: retryUnlessRefused,
  });
