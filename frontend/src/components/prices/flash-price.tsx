import type { ReactNode } from 'react';
import { formatPrice } from '@/lib/prices/format';
import type { ShownQuote } from '@/lib/prices/price-store';
import styles from './flash-price.module.css';

/** A price that lights up briefly when it moves. The key restarts the animation with every move. */
export function FlashPrice({ quote }: { readonly quote: ShownQuote }): ReactNode {
  return (
    <span key={quote.price} className={styles['price']} data-direction={quote.direction}>
      {formatPrice(quote.price)}
    </span>
  );
}
