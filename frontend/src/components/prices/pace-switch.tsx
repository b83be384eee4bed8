import type { ReactNode } from 'react';
import { Segmented } from '@/components/ui/segmented';
import { usePace } from '@/lib/prices/hooks';
import { pacer } from '@/lib/prices/live';
import type { Pace } from '@/lib/prices/pacer';

const PACES: readonly { value: Pace; label: string }[] = [
  { value: 'live', label: 'Live' },
  { value: 'slow', label: 'Every 5 s' },
  { value: 'paused', label: 'Paused' },
];

/** Lets the reader slow down or stop what moves (WCAG 2.2.2). */
export function PaceSwitch(): ReactNode {
  return (
    <Segmented
      label="How often prices change"
      options={PACES}
      value={usePace()}
      onChange={(pace) => {
        pacer.setPace(pace);
      }}
    />
  );
}
