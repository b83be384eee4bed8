import type { ReactNode } from 'react';
import { useParams } from 'wouter';
import { SymbolPage } from '@/features/symbol/components/symbol-page';

export default function SymbolRoute(): ReactNode {
  const { symbol } = useParams<{ symbol: string }>();
  return <SymbolPage key={symbol} symbol={symbol} />;
}
