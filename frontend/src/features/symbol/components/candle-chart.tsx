import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, type ReactNode } from 'react';
import { useChannel, useSocketEvent } from '@/contexts/SocketContext';
import { ChartView } from '@/features/symbol/components/chart-view';
import type { Candle, Interval } from '@/lib/prices/candle';
import { pacer } from '@/lib/prices/live';
import styles from './candle-chart.module.css';

interface CandleChartProps {
  readonly symbol: string;
  readonly interval: Interval;
  readonly candles: readonly Candle[];
  readonly height: number;
}

/** Drawn outside React: live candles go straight to the canvas. */
export default function CandleChart({ symbol, interval, candles, height }: CandleChartProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<ChartView>(null);
  const queries = useQueryClient();

  useEffect(() => {
    if (!box.current) return undefined;
    const reload = (): void => void queries.invalidateQueries({ queryKey: ['candles', symbol, interval] });
    const chart = new ChartView(box.current, interval, pacer.schedule, reload);
    view.current = chart;
    return () => {
      view.current = null;
      chart.remove();
    };
  }, [symbol, interval, queries]);

  useEffect(() => {
    view.current?.replace(candles);
  }, [candles, symbol, interval]);

  useChannel(`candles:${symbol}:${interval}`);
  useSocketEvent('candle_update', (update) => {
    if (update.symbol === symbol && update.interval === interval) view.current?.push(update.candle);
  });

  return (
    <figure className={styles['figure']}>
      <div
        ref={box}
        style={{ height: height - 34 }}
        role="img"
        aria-label={`Candles of ${symbol}, ${interval} each. “Table” shows the same figures as text.`}
      />
      <figcaption className={styles['credit']}>
        Gaps are minutes without trades; pale candles may miss some. Charts by{' '}
        <a href="https://www.tradingview.com/" target="_blank" rel="noopener">
          TradingView Lightweight Charts™
        </a>
        , © 2025 TradingView, Inc.
      </figcaption>
    </figure>
  );
}
