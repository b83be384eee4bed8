const NAMES: Readonly<Record<string, string>> = {
  ADA: 'Cardano',
  AVAX: 'Avalanche',
  BCH: 'Bitcoin Cash',
  BNB: 'BNB',
  BTC: 'Bitcoin',
  DOGE: 'Dogecoin',
  DOT: 'Polkadot',
  ETH: 'Ethereum',
  LINK: 'Chainlink',
  LTC: 'Litecoin',
  MATIC: 'Polygon',
  SHIB: 'Shiba Inu',
  SOL: 'Solana',
  TRX: 'Tron',
  UNI: 'Uniswap',
  USDC: 'USD Coin',
  USDT: 'Tether',
  XLM: 'Stellar',
  XRP: 'XRP',
};

/** "BTC-USD" -> { base: "BTC", quote: "USD", name: "Bitcoin" }; an unknown asset is called by its code. */
export function describeSymbol(symbol: string): { base: string; quote: string; name: string } {
  const [base = symbol, quote = ''] = symbol.split('-');
  return { base, quote, name: NAMES[base] ?? base };
}
