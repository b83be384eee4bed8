import {
  CandlestickSeries,
  ColorType,
  createChart,
  HistogramSeries,
  type CandlestickData,
  type HistogramData,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
  type WhitespaceData,
} from 'lightweight-charts';
import { chartPalette, type ChartPalette } from '@/features/symbol/components/chart-palette';
import { INTERVAL_SECONDS, type Candle, type Interval } from '@/lib/prices/candle';
import { formatPrice, priceDigits } from '@/lib/prices/format';

/** Longest gap that is drawn to scale; a longer one is shortened to this many empty places. */
const MAX_GAP = 120;
/** Pixels that a candle and the space beside it take at first. */
const BAR_WIDTH = 11;
/** All candles are asked for anew no more often than this. */
const RELOAD_EVERY_MS = 5000;

type Schedule = (task: () => void) => void;

/** The candle chart on its canvas. Call `remove` when done. */
export class ChartView {
  readonly #chart: IChartApi;
  readonly #bars: ISeriesApi<'Candlestick'>;
  readonly #volumes: ISeriesApi<'Histogram'>;
  readonly #step: number;
  readonly #schedule: Schedule;
  readonly #reload: () => void;
  readonly #waiting = new Map<number, Candle>();
  readonly #scheme = window.matchMedia('(prefers-color-scheme: light)');
  #palette: ChartPalette;
  #candles: readonly Candle[] = [];
  #fitted = false;
  #askedAt = -Infinity;

  /** `schedule` says when live candles may be drawn; `reload` is called when they cannot be, for want of others. */
  constructor(box: HTMLElement, interval: Interval, schedule: Schedule, reload: () => void) {
    this.#schedule = schedule;
    this.#reload = reload;
    this.#step = INTERVAL_SECONDS[interval];
    this.#palette = chartPalette(box);
    this.#chart = createChart(box, {
      autoSize: true,
      // The logo brings an inline <style>, which the Content-Security-Policy refuses; the caption gives the credit.
      layout: { attributionLogo: false, fontFamily: getComputedStyle(box).fontFamily },
      localization: { priceFormatter: (price: number) => formatPrice(String(price)) },
      timeScale: { timeVisible: this.#step < INTERVAL_SECONDS['1d'], rightOffset: 4 },
    });
    this.#bars = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    const volume = { priceScaleId: 'volume', priceFormat: { type: 'volume' }, lastValueVisible: false } as const;
    this.#volumes = this.#chart.addSeries(HistogramSeries, { ...volume, priceLineVisible: false });
    this.#chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#bars.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
    this.#scheme.addEventListener('change', this.#paint);
    this.#paint();
  }

  /** Shows these candles, oldest first, instead of what was shown. */
  replace(candles: readonly Candle[]): void {
    this.#candles = candles;
    const places = withGaps(candles, this.#step);
    this.#bars.setData(places.map((place) => this.#bar(place)));
    this.#volumes.setData(candles.map((candle) => this.#volume(candle)));
    const last = candles.at(-1);
    if (last === undefined) return;
    const digits = priceDigits(last.close);
    this.#bars.applyOptions({ priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits } });
    if (!this.#fitted) this.#showNewest(places.length);
    this.#fitted = true;
  }

  /** Takes a live candle; it is drawn when the pace allows. */
  push(candle: Candle): void {
    this.#waiting.set(candle.time, candle);
    this.#schedule(this.#flush);
  }

  remove(): void {
    this.#waiting.clear();
    this.#scheme.removeEventListener('change', this.#paint);
    this.#chart.remove();
  }

  readonly #flush = (): void => {
    const candles = [...this.#waiting.values()].sort((a, b) => a.time - b.time);
    this.#waiting.clear();
    for (const candle of candles) this.#update(candle);
  };

  /** The chart can only append or replace its last candle; when more is missing or was revised, all is asked for anew. */
  #update(candle: Candle): void {
    const last = this.#candles.at(-1);
    if (last && (candle.time < last.time || candle.time > last.time + this.#step)) {
      this.#askForAll();
      return;
    }
    this.#candles = last?.time === candle.time ? [...this.#candles.slice(0, -1), candle] : [...this.#candles, candle];
    this.#bars.update(this.#bar(candle));
    this.#volumes.update(this.#volume(candle));
  }

  #askForAll(): void {
    const now = performance.now();
    if (now - this.#askedAt < RELOAD_EVERY_MS) return;
    this.#askedAt = now;
    this.#reload();
  }

  readonly #paint = (): void => {
    this.#palette = chartPalette(this.#chart.chartElement());
    const { ground, text, line, up, down } = this.#palette;
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: ground }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.#bars.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
    this.replace(this.#candles);
  };

  #showNewest(places: number): void {
    const fitting = Math.round(this.#chart.chartElement().clientWidth / BAR_WIDTH);
    this.#chart.timeScale().setVisibleLogicalRange({ from: places - fitting, to: places + 3 });
  }

  #bar(place: Candle | Gap): CandlestickData | WhitespaceData {
    const time = timestamp(place.time);
    if (!('open' in place)) return { time };
    const { open, high, low, close } = place;
    const bar = { time, open, high, low, close };
    if (place.complete) return bar;
    const color = close >= open ? this.#palette.upPale : this.#palette.downPale;
    return { ...bar, color, wickColor: color };
  }

  #volume({ time, volume, open, close }: Candle): HistogramData {
    const { upFaint, downFaint } = this.#palette;
    return { time: timestamp(time), value: volume, color: close >= open ? upFaint : downFaint };
  }
}

interface Gap {
  readonly time: number;
}

/** The candles, with an empty place for every missing one: time that is missing is shown as missing. */
function withGaps(candles: readonly Candle[], step: number): (Candle | Gap)[] {
  return candles.flatMap((candle, index) => {
    const before = candles[index - 1];
    const missing = before ? Math.min(MAX_GAP, Math.round((candle.time - before.time) / step) - 1) : 0;
    return [...gapsBefore(candle.time, Math.max(0, missing), step), candle];
  });
}

function gapsBefore(time: number, count: number, step: number): Gap[] {
  return Array.from({ length: count }, (_, index) => ({ time: time - (count - index) * step }));
}

/** The library brands its times; ours are epoch seconds already. */
function timestamp(seconds: number): UTCTimestamp {
  return seconds as UTCTimestamp;
}
