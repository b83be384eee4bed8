import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { Age } from '@/components/prices/age';
import { AssetMark } from '@/components/prices/asset-mark';
import { Change } from '@/components/prices/change';
import { FlashPrice } from '@/components/prices/flash-price';
import { PaceSwitch } from '@/components/prices/pace-switch';
import { QualityBadge, SimulatedBadge } from '@/components/prices/quality-badge';
import { Button } from '@/components/ui/button';
import { describeSymbol } from '@/config/assets';
import { paths } from '@/config/paths';
import { formatAge, formatPrice, formatVolume } from '@/lib/prices/format';
import { useQuote } from '@/lib/prices/hooks';
import { priceStore } from '@/lib/prices/live';
import type { ShownQuote } from '@/lib/prices/price-store';
import { serverNow } from '@/lib/server-clock';
import styles from './symbol-header.module.css';

export function SymbolHeader({ symbol }: { readonly symbol: string }): ReactNode {
  const quote = useQuote(symbol);
  const { base, name } = describeSymbol(symbol);
  return (
    <div className={styles['header']}>
      <title>{`${symbol} · CryptoVault`}</title>
      <Link href={paths.markets} className={styles['back']}>
        ← Markets
      </Link>
      <div className={styles['top']}>
        <AssetMark code={base} size={44} />
        <div>
          <h1 className={styles['title']}>{symbol}</h1>
          <p className={styles['name']}>{name}</p>
        </div>
        <div className={styles['tools']}>
          <AnnounceButton symbol={symbol} />
          <PaceSwitch />
        </div>
      </div>
      {quote ? <Headline quote={quote} /> : <p className={styles['none']}>No price yet.</p>}
    </div>
  );
}

function Headline({ quote }: { quote: ShownQuote }): ReactNode {
  return (
    <div className={styles['headline']} data-symbol={quote.symbol}>
      <p className={styles['price']}>
        <span data-testid="price">
          <FlashPrice quote={quote} />
        </span>
        <small>{describeSymbol(quote.symbol).quote}</small>
      </p>
      <dl className={styles['facts']}>
        <Fact label="24 h">
          <Change percent={quote.change24h} />
        </Fact>
        <Fact label="Bid">{formatPrice(quote.bid)}</Fact>
        <Fact label="Ask">{formatPrice(quote.ask)}</Fact>
        <Fact label="Volume 24 h">{formatVolume(quote.volume24h)}</Fact>
        <Fact label="Age">
          <span data-testid="age">
            <Age tick={quote} />
          </span>
        </Fact>
      </dl>
      <p className={styles['badges']}>
        <QualityBadge quality={quote.quality} />
        {quote.simulated && <SimulatedBadge />}
      </p>
    </div>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Ticking figures are not announced by themselves; this says one aloud when asked. */
function AnnounceButton({ symbol }: { symbol: string }): ReactNode {
  const [message, setMessage] = useState('');
  const announce = (): void => {
    const quote = priceStore.get(symbol);
    setMessage(quote ? `${symbol} ${formatPrice(quote.price)}, ${formatAge(serverNow() - quote.at)}` : 'No price yet');
  };
  return (
    <>
      <Button onClick={announce}>Announce price</Button>
      <span className="visually-hidden" role="status">
        {message}
      </span>
    </>
  );
}
