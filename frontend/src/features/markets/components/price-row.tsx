import { memo, type ReactNode } from 'react';
import { Link } from 'wouter';
import { Age } from '@/components/prices/age';
import { AssetMark } from '@/components/prices/asset-mark';
import { Change } from '@/components/prices/change';
import { FlashPrice } from '@/components/prices/flash-price';
import { QualityBadge, SimulatedBadge } from '@/components/prices/quality-badge';
import { describeSymbol } from '@/config/assets';
import { symbolPath } from '@/config/paths';
import { PriceTrail } from '@/features/markets/components/price-trail';
import { formatPrice, formatVolume } from '@/lib/prices/format';
import { useQuote } from '@/lib/prices/hooks';
import styles from './price-row.module.css';

/** One market. Only this row renders when its price moves. */
export const PriceRow = memo(function PriceRow({ symbol }: { readonly symbol: string }): ReactNode {
  const quote = useQuote(symbol);
  if (!quote) return null;
  return (
    <tr className={styles['row']} data-symbol={symbol}>
      <MarketCell symbol={symbol} simulated={quote.simulated} />
      <td className={styles['price']} data-testid="price" data-align="end">
        <FlashPrice quote={quote} />
      </td>
      <td className={styles['side']} data-align="end" data-wide>
        {formatPrice(quote.bid)}
      </td>
      <td className={styles['side']} data-align="end" data-wide>
        {formatPrice(quote.ask)}
      </td>
      <td data-align="end">
        <Change percent={quote.change24h} />
      </td>
      <td data-align="end" data-wide>
        {formatVolume(quote.volume24h)}
      </td>
      <td data-wide>
        <PriceTrail symbol={symbol} />
      </td>
      <td className={styles['quality']} data-wide>
        <QualityBadge quality={quote.quality} />
      </td>
      <td className={styles['age']} data-testid="age" data-align="end">
        <Age tick={quote} />
      </td>
    </tr>
  );
});

const MarketCell = memo(function MarketCell({ symbol, simulated }: { symbol: string; simulated: boolean }): ReactNode {
  const { base, name } = describeSymbol(symbol);
  return (
    <th scope="row" className={styles['market']}>
      <div>
        <span className={styles['mark']}>
          <AssetMark code={base} />
        </span>
        <span className={styles['names']}>
          <Link href={symbolPath(symbol)} className={styles['link']}>
            {symbol}
          </Link>
          <span className={styles['name']}>
            <span className={styles['asset']}>{name}</span>
            {simulated && <SimulatedBadge />}
          </span>
        </span>
      </div>
    </th>
  );
});
