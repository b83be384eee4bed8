const formatters = new Map<number, Intl.NumberFormat>();
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

export const NOTHING = '–';

function fixed(digits: number): Intl.NumberFormat {
  let formatter = formatters.get(digits);
  if (!formatter) {
    formatter = new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formatters.set(digits, formatter);
  }
  return formatter;
}

/** Digits after the point that tell prices of this size apart. */
export function priceDigits(price: number): number {
  const size = Math.abs(price);
  if (size >= 1000) return 2;
  if (size >= 10) return 3;
  if (size >= 0.1) return 4;
  return size >= 0.001 ? 6 : 8;
}

/** "61234.5" -> "61,234.50". The text is never rounded through a binary number. */
export function formatPrice(decimal: string): string {
  if (!isDecimal(decimal)) return NOTHING;
  return fixed(priceDigits(Number(decimal))).format(decimal);
}

function isDecimal(value: string): value is Intl.StringNumericLiteral {
  return value.trim() !== '' && Number.isFinite(Number(value));
}

/** The direction of a change in percent; one too small to be shown has none. */
export function changeDirection(percent: string): 'up' | 'down' | 'same' {
  const hundredths = Math.round(Number(percent) * 100);
  if (hundredths > 0) return 'up';
  return hundredths < 0 ? 'down' : 'same';
}

/** Percent with its sign: "+1.25 %". The minus is a real minus. */
export function formatChange(percent: string): string {
  if (!isDecimal(percent)) return NOTHING;
  const sign = { up: '+', down: '−', same: '' }[changeDirection(percent)];
  return `${sign}${fixed(2).format(Math.abs(Number(percent)))} %`;
}

export function formatVolume(decimal: string): string {
  return isDecimal(decimal) ? compact.format(decimal) : NOTHING;
}

export function formatCount(count: number): string {
  return Math.abs(count) < 100_000 ? whole.format(count) : compact.format(count);
}

export function formatMs(ms: number): string {
  const size = Math.abs(ms);
  if (size >= 10_000) return `${fixed(1).format(ms / 1000)} s`;
  return `${fixed(size < 10 ? 1 : 0).format(ms)} ms`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${fixed(power === 0 ? 0 : 1).format(bytes / 1000 ** power)} ${units[power] ?? ''}`;
}

export function formatShare(fraction: number): string {
  return `${fixed(1).format(fraction * 100)} %`;
}

/** "2 s ago"; never negative, because clocks differ. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function formatClock(at: number): string {
  return clock.format(at);
}

export function formatDateTime(at: number): string {
  return dayAndTime.format(at);
}
