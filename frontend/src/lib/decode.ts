/**
 * Readers for values that came over the wire. Nothing that arrives is trusted to have the promised type:
 * 64-bit integers may be strings, decimals may be numbers, fields may be missing.
 */
export type Json = Readonly<Record<string, unknown>>;

export function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : '';
}

/** A number, or null when there is none. */
export function optionalNumber(value: unknown): number | null {
  if (value === '' || value === null || value === undefined || typeof value === 'boolean') return null;
  const number = typeof value === 'number' ? value : Number(text(value) || NaN);
  return Number.isFinite(number) ? number : null;
}

export function number(value: unknown): number {
  return optionalNumber(value) ?? 0;
}

export function flag(value: unknown): boolean {
  return value === true;
}

export function list<T>(value: unknown, read: (item: unknown) => T): readonly T[] {
  return Array.isArray(value) ? value.map((item) => read(item)) : [];
}

export function table<T>(value: unknown, read: (item: unknown) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record(value)).map(([key, item]) => [key, read(item)]));
}

/** Epoch milliseconds of an RFC 3339 time or of epoch milliseconds; null when it is neither. */
export function instant(value: unknown): number | null {
  const milliseconds = optionalNumber(value);
  if (milliseconds !== null) return milliseconds;
  const parsed = Date.parse(text(value));
  return Number.isNaN(parsed) ? null : parsed;
}
