import type { ReactNode } from 'react';
import { Badge, type Tone } from '@/components/ui/badge';
import type { Quality } from '@/lib/prices/quote';

const LOOKS: Readonly<Record<Quality, readonly [tone: Tone, label: string, meaning: string]>> = {
  GOOD: ['good', 'Good', 'Several fresh venues agree.'],
  DEGRADED: ['warn', 'Degraded', 'Fewer venues than usual, or they disagree.'],
  SINGLE_SOURCE: ['warn', 'Single source', 'Only one venue is fresh.'],
  STALE: ['bad', 'Stale', 'No venue has spoken in time; the last known price is repeated.'],
  UNKNOWN: ['neutral', 'Unknown', 'The server did not say how good this price is.'],
};

export function QualityBadge({ quality }: { readonly quality: Quality }): ReactNode {
  const [tone, label, meaning] = LOOKS[quality];
  return (
    <Badge tone={tone} title={meaning}>
      {label}
    </Badge>
  );
}

export function SimulatedBadge(): ReactNode {
  return (
    <Badge tone="accent" title="Made from invented or replayed market data.">
      Simulated
    </Badge>
  );
}
