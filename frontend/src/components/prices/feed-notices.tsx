import type { ReactNode } from 'react';
import { Notice } from '@/components/ui/notice';
import { formatAge, formatClock } from '@/lib/prices/format';
import { usePace, usePacedNow } from '@/lib/prices/hooks';
import { priceStore } from '@/lib/prices/live';
import { DELAYED_AFTER_MS } from '@/lib/prices/staleness';

/** What the reader must know before believing a price: that it is frozen, or that the whole feed is late. */
export function FeedNotices(): ReactNode {
  const now = usePacedNow();
  const pace = usePace();
  const newest = priceStore.newestAt();
  if (pace === 'paused') {
    return (
      <Notice tone="warn">
        <span>
          <strong>Paused at {formatClock(now)}.</strong> Prices stay as they were then; the last column says when.
        </span>
      </Notice>
    );
  }
  if (newest === null || now - newest <= DELAYED_AFTER_MS) return null;
  return (
    <Notice tone="bad">
      <span>
        {/* Announced once; the age goes on without being read out every second. */}
        <strong role="alert">Prices are delayed.</strong> The newest is from {formatAge(now - newest)}.
      </span>
    </Notice>
  );
}
