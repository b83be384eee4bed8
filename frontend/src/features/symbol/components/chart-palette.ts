export interface ChartPalette {
  readonly ground: string;
  readonly text: string;
  readonly line: string;
  readonly up: string;
  readonly down: string;
  /** For candles that may miss trades. */
  readonly upPale: string;
  readonly downPale: string;
  /** For volumes, which stand behind the candles. */
  readonly upFaint: string;
  readonly downFaint: string;
}

/** The page's colours, for a canvas that cannot read them itself. */
export function chartPalette(element: Element): ChartPalette {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const up = colour('--up');
  const down = colour('--down');
  return {
    ground: colour('--surface'),
    text: colour('--muted'),
    line: colour('--line'),
    up,
    down,
    upPale: `${up}99`,
    downPale: `${down}99`,
    upFaint: `${up}44`,
    downFaint: `${down}44`,
  };
}
