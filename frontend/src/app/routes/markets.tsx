export { MarketsPage as default } from '@/features/markets/components/markets-page';
